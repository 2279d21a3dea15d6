"""COCO panoptic as the PyTorch port prepares it."""

_base_ = ['./coco_panoptic_files.py', './port_pipelines.py']

train_pipeline = _base_.train_pipeline
for step in train_pipeline:
    if step.type == 'KMaXResizeScale':
        step.scale_range = (0.2, 2.0)
    elif step.type == 'KMaXPanopticCopyPaste':
        # Half of the scales above.
        step.source_pipeline[2].scale_range = (0.1, 1.0)
del step

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

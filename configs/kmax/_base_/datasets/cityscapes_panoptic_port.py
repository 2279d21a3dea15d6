"""Cityscapes panoptic as the PyTorch port prepares it."""

_base_ = ['./cityscapes_panoptic_files.py', './port_pipelines.py']

crop_size = (1025, 2049)
train_pipeline = _base_.train_pipeline
test_pipeline = _base_.test_pipeline
for step in [*train_pipeline, *train_pipeline[-3].source_pipeline, *test_pipeline]:
    for name in {'target_size', 'size', 'scale'} & {*step}:
        step[name] = crop_size
    if 'crop_size' in step:
        step.crop_size = crop_size[::-1]
tta_pipeline = _base_.tta_pipeline
sizes = (crop_size, (769, 1537), (1281, 2561))
for step, size in zip(tta_pipeline[1].transforms[0], sizes, strict=True):
    step.scale = size
del step, name, sizes, size

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

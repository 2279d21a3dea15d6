"""ADE20K panoptic as the PyTorch port prepares it."""

_base_ = ['./ade20k_panoptic_files.py', './port_pipelines.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

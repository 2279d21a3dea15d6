"""ADE20K panoptic as the PyTorch port prepares it."""

_base_ = './ade20k_panoptic.py'

from kmax_deeplab.config_parts import add_views, port_test, port_train

train_pipeline = port_train(_base_.crop_size, imdecode_backend='pillow')
test_pipeline = port_test(_base_.crop_size)
tta_pipeline = add_views(test_pipeline)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

"""ADE20K panoptic at 641x641."""

_base_ = './ade20k_panoptic.py'

from kmax_deeplab.config_parts import add_views, original_test, original_train

crop_size = (641, 641)
train_pipeline = original_train(crop_size)
test_pipeline = original_test(crop_size)
tta_pipeline = add_views(test_pipeline)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

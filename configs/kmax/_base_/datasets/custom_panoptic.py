"""Your own images at 513x513; my_panoptic.py names their folder."""

_base_ = './small_panoptic.py'

from kmax_deeplab.config_parts import add_views, original_test, own_train

crop_size = (513, 513)

train_pipeline = own_train(crop_size)
# The ids are loaded although the metric reads its own: it trusts areas, loading compares them.
test_pipeline = original_test(crop_size, with_ids=True)
tta_pipeline = add_views(test_pipeline)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

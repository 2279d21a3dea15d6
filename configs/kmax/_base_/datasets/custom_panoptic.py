"""Your own images at 513x513; my_panoptic.py names their folder."""

_base_ = './small_panoptic.py'

from kmax_deeplab.config_parts import add_views, original_steps, original_test, panoptic_train

crop_size = (513, 513)

train_pipeline = panoptic_train(
    original_steps(
        crop_size,
        scale_range=(0.5, 1.5),
        num_scales=11,
        colors=dict(type='PhotoMetricDistortion'),
    )
)
# The ids are loaded although the metric reads its own: it trusts areas, loading compares them.
test_pipeline = original_test(crop_size, with_ids=True)
tta_pipeline = add_views(test_pipeline)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

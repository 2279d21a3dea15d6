"""ADE20K panoptic at 641x641."""

_base_ = './ade20k_panoptic.py'

crop_size = (641, 641)
train_pipeline = _base_.train_pipeline
test_pipeline = _base_.test_pipeline
for step in [*train_pipeline, *train_pipeline[-2].source_pipeline, *test_pipeline]:
    if 'crop_size' in step:
        step.crop_size = crop_size
tta_pipeline = _base_.tta_pipeline
for step, size in zip(tta_pipeline[1].transforms[0], (641, 481, 801), strict=True):
    step.crop_size = (size, size)
del step, size

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

"""kmax_nano_nuclei-panoptic.py with all of the original's augmentation, copy-paste included."""

_base_ = './kmax_nano_nuclei-panoptic.py'

from kmax_deeplab.config_parts import original_train

train_pipeline = original_train(
    _base_.crop_size, **_base_.augmentation, num_pasted_scales=_base_.augmentation.num_scales
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

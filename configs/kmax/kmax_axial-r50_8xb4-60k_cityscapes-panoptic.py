"""MaX-S. Train it from ImageNet weights: ``load_from`` a file of tools/convert_checkpoint.py."""

_base_ = [
    './_base_/models/kmax_axial-r50.py',
    './_base_/models/cityscapes.py',
    './_base_/datasets/cityscapes_panoptic.py',
    './_base_/schedules/schedule_60k.py',
    './_base_/default_runtime.py',
]

model = _base_.model_on_cityscapes
# This backbone's stem has stride 2, and so have the masks.
model.train_cfg.stride = 2

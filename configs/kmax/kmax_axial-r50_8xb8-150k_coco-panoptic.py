"""MaX-S. Train it from ImageNet weights: ``load_from`` a file of tools/convert_checkpoint.py."""

_base_ = [
    './_base_/models/kmax_axial-r50.py',
    './_base_/datasets/coco_panoptic.py',
    './_base_/schedules/schedule_150k.py',
    './_base_/default_runtime.py',
]

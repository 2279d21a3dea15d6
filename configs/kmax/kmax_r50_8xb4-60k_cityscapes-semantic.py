"""Semantic segmentation in mmseg with masks at stride 2, as the original's on Cityscapes."""

_base_ = [
    './_base_/models/kmax_r50.py',
    './_base_/models/cityscapes.py',
    './_base_/models/seg.py',
    './_base_/datasets/cityscapes_semantic.py',
    './_base_/schedules/schedule_60k.py',
    './_base_/default_runtime_seg.py',
]

from kmax_deeplab.config_parts import in_mmseg

_base_.model.merge(_base_.model_on_cityscapes)
_base_.model.panoptic_head.train_cfg = dict(stride=2)
model = in_mmseg(_base_.model, _base_.model_in_mmseg, num_classes=19, size=_base_.crop_size)

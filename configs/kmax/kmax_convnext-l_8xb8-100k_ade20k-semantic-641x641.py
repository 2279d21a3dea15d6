"""Semantic segmentation in mmseg, every class one mask."""

_base_ = [
    './_base_/models/kmax_convnext-l.py',
    './_base_/models/ade20k_641x641.py',
    './_base_/models/seg.py',
    './_base_/datasets/ade20k_semantic_641.py',
    './_base_/schedules/schedule_100k.py',
    './_base_/default_runtime_seg.py',
]

from kmax_deeplab.config_parts import in_mmseg

_base_.model.merge(_base_.model_on_ade20k)
_base_.model.backbone.drop_path_rate = 0.7
model = in_mmseg(_base_.model, _base_.model_in_mmseg, num_classes=150, size=_base_.crop_size)

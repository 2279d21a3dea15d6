"""A semantic data set in mmseg, from scratch: CamVid's 11 classes in their own order."""

_base_ = [
    './_base_/models/kmax_r18_narrow.py',
    './_base_/models/seg.py',
    './_base_/datasets/camvid_semantic.py',
    './_base_/schedules/schedule_small_seg.py',
]

from kmax_deeplab.config_parts import in_mmseg

_base_.model.panoptic_head.transformer_decoder.num_queries = 32
model = in_mmseg(_base_.model, _base_.model_in_mmseg, num_classes=11, size=_base_.crop_size)
train_cfg = dict(max_iters=1200, val_interval=1200)

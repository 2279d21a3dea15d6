"""Two kinds of cell nuclei and their backgrounds in mmseg, from scratch."""

_base_ = [
    './_base_/models/kmax_nano.py',
    './_base_/models/seg.py',
    './_base_/datasets/nuclei_semantic.py',
    './_base_/schedules/schedule_small_seg.py',
]

from kmax_deeplab.config_parts import in_mmseg

model = in_mmseg(_base_.model, _base_.model_in_mmseg, num_classes=4, size=_base_.crop_size)
train_cfg = dict(max_iters=1000, val_interval=1000)

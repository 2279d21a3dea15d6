"""Two kinds of cell nuclei and their backgrounds in mmseg, from scratch."""

_base_ = [
    './_base_/models/kmax_nano_scratch_seg.py',
    './_base_/datasets/nuclei_semantic.py',
    './_base_/schedules/schedule_small_seg.py',
]

model = dict(
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size=_base_.crop_size)),
    decode_head=dict(num_classes=4),
)
train_cfg = dict(max_iters=1000, val_interval=1000)

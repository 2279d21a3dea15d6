"""A semantic data set in mmseg, from scratch: CamVid's 11 classes in their own order."""

_base_ = [
    './_base_/models/kmax_nano_scratch_seg.py',
    './_base_/datasets/camvid_semantic.py',
    './_base_/schedules/schedule_small_seg.py',
]

model = dict(
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size=_base_.crop_size)),
    decode_head=dict(num_classes=11),
)
train_cfg = dict(max_iters=1200, val_interval=1200)

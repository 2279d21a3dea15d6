"""A custom data set, from scratch with a narrow ResNet-18: CamVid, 3 thing and 8 stuff classes."""

_base_ = [
    './_base_/models/kmax_r18_narrow.py',
    './_base_/datasets/camvid_panoptic.py',
    './_base_/schedules/schedule_small.py',
]

model = dict(panoptic_head=dict(num_things_classes=3, num_stuff_classes=8))
train_cfg = dict(max_iters=2400, val_interval=2400)

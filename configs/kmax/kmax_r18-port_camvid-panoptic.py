"""kmax_r18_camvid-panoptic.py in the PyTorch port's recipe."""

_base_ = [
    './_base_/models/kmax_nano_scratch-port.py',
    './_base_/datasets/camvid_panoptic_port.py',
    './_base_/schedules/schedule_small_port.py',
]

model = dict(
    panoptic_head=dict(
        num_things_classes=3,
        num_stuff_classes=8,
        transformer_decoder=dict(num_queries=64),
    ),
)
train_cfg = dict(max_iters=2400, val_interval=2400)

"""Many small instances from scratch: cell nuclei of two kinds, 2 thing and 2 stuff classes."""

_base_ = [
    './_base_/models/kmax_nano.py',
    './_base_/datasets/nuclei_panoptic.py',
    './_base_/schedules/schedule_small.py',
]

model = dict(
    panoptic_head=dict(
        num_things_classes=2,
        num_stuff_classes=2,
        transformer_decoder=dict(num_queries=100),
    ),
)
train_cfg = dict(max_iters=2000, val_interval=2000)

"""Your own data from scratch: name their folder and count their classes in my_panoptic.py."""

_base_ = [
    './_base_/models/kmax_r18.py',
    './_base_/datasets/my_panoptic.py',
    './_base_/schedules/schedule_small.py',
]

model = dict(
    panoptic_head=dict(
        num_things_classes=_base_.num_things_classes,
        num_stuff_classes=_base_.num_stuff_classes,
    ),
)

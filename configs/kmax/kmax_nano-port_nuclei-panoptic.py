"""kmax_nano_nuclei-panoptic.py in the PyTorch port's recipe."""

_base_ = [
    './_base_/models/kmax_nano_scratch-port.py',
    './_base_/datasets/nuclei_panoptic_port.py',
    './_base_/schedules/schedule_small_port.py',
]

model = dict(
    panoptic_head=dict(
        num_things_classes=2,
        num_stuff_classes=2,
        transformer_decoder=dict(num_queries=100),
    ),
)
train_cfg = dict(max_iters=2000, val_interval=2000)

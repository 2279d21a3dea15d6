"""Many small instances from scratch: cell nuclei of two kinds, 2 thing and 2 stuff classes."""

_base_ = [
    './_base_/models/kmax_nano_stride2.py',
    './_base_/datasets/nuclei_panoptic.py',
    './_base_/schedules/schedule_small.py',
]

model = dict(
    panoptic_head=dict(
        num_things_classes=2,
        num_stuff_classes=2,
        # k-means at stride 4: at stride 8 a nucleus is a pixel or two.
        transformer_decoder=dict(num_queries=100, num_layers=(0, 0, 1, 2)),
    ),
)
train_cfg = dict(max_iters=2400, val_interval=2400)
train_dataloader = dict(batch_size=2)

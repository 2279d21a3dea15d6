"""A small kMaX that learns the procedural shapes in minutes on two CPU cores."""

_base_ = [
    './_base_/models/kmax_r18.py',
    './_base_/datasets/shapes_panoptic.py',
    './_base_/schedules/schedule_small.py',
]

model = dict(
    backbone=dict(base_channels=32, stem_channels=32),
    panoptic_head=dict(
        in_channels=[32, 32, 64, 128, 256],
        num_things_classes=5,
        num_stuff_classes=5,
        pixel_decoder=dict(channels=(64, 32, 32, 16)),
        transformer_decoder=dict(num_queries=32),
        semantic_decoder=dict(num_classes=10),
    ),
    panoptic_fusion_head=dict(num_things_classes=5, num_stuff_classes=5),
)

"""The smallest shipped network on drawn shapes, with everything random that a recipe has."""

_base_ = '../../configs/kmax/kmax_nano_shapes-panoptic.py'

crop_size = (65, 97)
load = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    dict(type='KMaXRandomScale', scale_range=(0.5, 1.5), num_scales=11),
    dict(type='KMaXRandomPadCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
]
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        pipeline=[
            *load,
            dict(type='KMaXPanopticCopyPaste', source_pipeline=load),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackKMaXInputs'),
        ],
    ),
)
# Narrow, so that its checkpoints are small.
model = dict(
    backbone=dict(stem_channels=8, base_channels=8),
    panoptic_head=dict(
        in_channels=[8, 8, 16, 32, 64],
        pixel_decoder=dict(channels=(32, 32, 16, 16)),
        transformer_decoder=dict(
            embed_dims=64, mask_channels=32, feedforward_channels=128, drop_path_rate=0.2
        ),
    ),
)
val_dataloader = None
val_cfg = None
val_evaluator = None
test_dataloader = None
test_cfg = None
test_evaluator = None
train_cfg = dict(max_iters=8)
param_scheduler = dict(warmup=2, end=8)
default_hooks = dict(
    checkpoint=dict(interval=2, max_keep_ckpts=2),
    logger=dict(interval=2),
    visualization=dict(_delete_=True, type='EmptyCacheHook'),
)
visualizer = dict(_delete_=True, type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])

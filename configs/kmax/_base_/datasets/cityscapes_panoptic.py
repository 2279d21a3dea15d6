"""Cityscapes panoptic as the original prepares it."""

_base_ = './cityscapes_panoptic_files.py'

crop_size = (1025, 2049)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    dict(type='KMaXRandomScale', scale_range=(0.5, 2.0), num_scales=15),
    dict(type='KMaXAutoAugment', magnitude_scale=0.2),
    dict(type='KMaXRandomPadCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='KMaXPanopticCopyPaste',
        source_pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticIds'),
            # Half of the scales above.
            dict(type='KMaXRandomScale', scale_range=(0.25, 1.0), num_scales=8),
            dict(type='KMaXAutoAugment', magnitude_scale=0.2),
            dict(type='KMaXRandomPadCrop', crop_size=crop_size),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='PackKMaXInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='PackKMaXInputs'),
]
# The plain view first: it sets the resolution.
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale_factor=1.0),
                dict(type='Resize', scale_factor=0.75),
                dict(type='Resize', scale_factor=1.25),
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='PackKMaXInputs')],
        ],
    ),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

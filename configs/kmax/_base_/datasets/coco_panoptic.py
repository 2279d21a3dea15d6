"""COCO panoptic as the original prepares it."""

_base_ = './coco_panoptic_files.py'

crop_size = (1281, 1281)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    dict(type='KMaXResize', crop_size=crop_size),
    dict(type='KMaXRandomScale', scale_range=(0.3, 1.7), num_scales=15),
    dict(type='KMaXAutoAugment'),
    dict(type='KMaXRandomPadCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='KMaXPanopticCopyPaste',
        source_pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticIds'),
            dict(type='KMaXResize', crop_size=crop_size),
            # Half of the scales above.
            dict(type='KMaXRandomScale', scale_range=(0.15, 0.85), num_scales=8),
            dict(type='KMaXAutoAugment'),
            dict(type='KMaXRandomPadCrop', crop_size=crop_size),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='PackKMaXInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='KMaXResize', crop_size=crop_size),
    dict(type='PackKMaXInputs'),
]
# The plain view first: it sets the resolution.
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='KMaXResize', crop_size=crop_size),
                dict(type='KMaXResize', crop_size=(961, 961)),
                dict(type='KMaXResize', crop_size=(1601, 1601)),
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='PackKMaXInputs')],
        ],
    ),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

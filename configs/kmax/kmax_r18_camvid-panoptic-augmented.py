"""kmax_r18_camvid-panoptic.py with all of the original's augmentation, copy-paste included."""

_base_ = './kmax_r18_camvid-panoptic.py'

crop_size = _base_.crop_size
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    # Straight from 480x360 to 0.75 ... 1.5 times the test size.
    dict(type='KMaXRandomScale', scale_range=(0.4, 0.8), num_scales=11),
    dict(type='KMaXAutoAugment'),
    dict(type='KMaXRandomPadCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='KMaXPanopticCopyPaste',
        source_pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticIds'),
            # Half of the scales above.
            dict(type='KMaXRandomScale', scale_range=(0.2, 0.4), num_scales=11),
            dict(type='KMaXAutoAugment'),
            dict(type='KMaXRandomPadCrop', crop_size=crop_size),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='PackKMaXInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

"""kmax_nano_nuclei-panoptic.py with all of the original's augmentation, copy-paste included."""

_base_ = './kmax_nano_nuclei-panoptic.py'

crop_size = _base_.crop_size
flips = dict(prob=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal'])
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    # Near the images' own size: nuclei are 20 pixels wide.
    dict(type='KMaXResize', crop_size=crop_size),
    dict(type='KMaXRandomScale', scale_range=(0.8, 1.25), num_scales=10),
    dict(type='KMaXAutoAugment'),
    dict(type='KMaXRandomPadCrop', crop_size=crop_size),
    dict(type='RandomFlip', **flips),
    dict(
        type='KMaXPanopticCopyPaste',
        source_pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticIds'),
            dict(type='KMaXResize', crop_size=crop_size),
            # Half of the scales above.
            dict(type='KMaXRandomScale', scale_range=(0.4, 0.625), num_scales=10),
            dict(type='KMaXAutoAugment'),
            dict(type='KMaXRandomPadCrop', crop_size=crop_size),
            dict(type='RandomFlip', **flips),
        ],
    ),
    dict(type='PackKMaXInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

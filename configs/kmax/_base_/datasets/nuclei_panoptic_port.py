"""Cell nuclei as the PyTorch port prepares its data, copy-paste included."""

_base_ = './nuclei_panoptic.py'

crop_size = _base_.crop_size
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    dict(type='KMaXResizeScale', target_size=crop_size, scale_range=(0.8, 1.25)),
    dict(type='KMaXColorJitter'),
    dict(type='RandomCrop', crop_size=crop_size[::-1], allow_negative_crop=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='KMaXPad', size=crop_size),
    dict(
        type='KMaXPanopticCopyPaste',
        draw_from='segments',
        source_pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticIds'),
            # Half of the scales above.
            dict(type='KMaXResizeScale', target_size=crop_size, scale_range=(0.4, 0.625)),
            dict(type='KMaXColorJitter'),
            dict(type='RandomCrop', crop_size=crop_size[::-1], allow_negative_crop=True),
            dict(type='RandomFlip', prob=0.5),
            dict(type='KMaXPad', size=crop_size),
        ],
    ),
    # About the same share of the crop as on COCO.
    dict(type='KMaXFilterLabels', min_pixels=170),
    dict(type='PackKMaXInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

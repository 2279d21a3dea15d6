"""Cityscapes panoptic as the PyTorch port prepares it."""

_base_ = './cityscapes_panoptic_files.py'

crop_size = (1025, 2049)
train_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(type='LoadPanopticIds'),
    dict(type='KMaXResizeScale', target_size=crop_size, scale_range=(0.5, 2.0)),
    dict(type='KMaXColorJitter'),
    dict(type='RandomCrop', crop_size=crop_size[::-1], allow_negative_crop=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='KMaXPad', size=crop_size),
    dict(
        type='KMaXPanopticCopyPaste',
        draw_from='segments',
        source_pipeline=[
            dict(type='LoadImageFromFile', imdecode_backend='pillow'),
            dict(type='LoadPanopticIds'),
            # Half of the scales above.
            dict(type='KMaXResizeScale', target_size=crop_size, scale_range=(0.25, 1.0)),
            dict(type='KMaXColorJitter'),
            dict(type='RandomCrop', crop_size=crop_size[::-1], allow_negative_crop=True),
            dict(type='RandomFlip', prob=0.5),
            dict(type='KMaXPad', size=crop_size),
        ],
    ),
    dict(type='KMaXFilterLabels', min_pixels=4096),
    dict(type='PackKMaXInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(type='Resize', scale=crop_size, keep_ratio=True, backend='pillow'),
    dict(type='PackKMaXInputs'),
]
# The plain view first: it sets the resolution.
tta_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=crop_size, keep_ratio=True, backend='pillow'),
                dict(type='Resize', scale=(769, 1537), keep_ratio=True, backend='pillow'),
                dict(type='Resize', scale=(1281, 2561), keep_ratio=True, backend='pillow'),
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='PackKMaXInputs')],
        ],
    ),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

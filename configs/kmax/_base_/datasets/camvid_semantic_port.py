"""CamVid in mmseg as the PyTorch port prepares its data."""

_base_ = './camvid_semantic.py'

crop_size = _base_.crop_size
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='mmdet.KMaXResizeScale', target_size=crop_size, scale_range=(0.75, 1.5)),
    dict(type='mmdet.KMaXColorJitter'),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmdet.KMaXPad', size=crop_size),
    dict(type='PackSegInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

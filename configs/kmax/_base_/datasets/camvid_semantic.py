"""CamVid's street scenes, 480x360, as a semantic data set of mmseg."""

_base_ = './small_semantic.py'

data_root = 'data/camvid_panoptic/'
crop_size = (193, 257)
metainfo = dict(
    classes=(
        *('sky', 'building', 'pole', 'road', 'pavement', 'tree'),
        *('sign', 'fence', 'car', 'pedestrian', 'bicyclist'),
    ),
    palette=[
        *([128, 128, 128], [128, 0, 0], [192, 192, 128], [128, 64, 128]),
        *([60, 40, 222], [128, 128, 0], [192, 128, 128], [64, 64, 128]),
        *([64, 0, 128], [64, 64, 0], [0, 128, 192]),
    ],
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # Straight from 480x360 to 0.75 ... 1.5 times the test size.
    dict(type='mmdet.KMaXRandomScale', scale_range=(0.4, 0.8), num_scales=11),
    dict(type='mmdet.KMaXAutoAugment'),
    dict(type='mmdet.KMaXRandomPadCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmdet.KMaXResize', crop_size=crop_size),
    # After the resize: predictions are compared at the original resolution.
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='mmdet.KMaXResize', crop_size=crop_size)],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]

train_dataloader = dict(
    dataset=dict(data_root=data_root, metainfo=metainfo, pipeline=train_pipeline),
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, metainfo=metainfo, pipeline=test_pipeline),
)
test_dataloader = val_dataloader

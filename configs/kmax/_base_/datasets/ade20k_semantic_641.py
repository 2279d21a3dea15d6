"""ADE20K's 150 classes as mmseg has them, at 641x641."""

_base_ = './semantic.py'

dataset_type = 'ADE20KDataset'
data_root = 'data/ADEChallengeData2016/'
crop_size = (641, 641)

# As ade20k_panoptic_641x641.py, but without copy-paste: maps of classes do not tell things apart.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='mmdet.KMaXResize', crop_size=crop_size),
    dict(type='mmdet.KMaXRandomScale', scale_range=(0.5, 2.0), num_scales=15),
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
            [
                dict(type='mmdet.KMaXResize', crop_size=crop_size),
                dict(type='mmdet.KMaXResize', crop_size=(481, 481)),
                dict(type='mmdet.KMaXResize', crop_size=(801, 801)),
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]

train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

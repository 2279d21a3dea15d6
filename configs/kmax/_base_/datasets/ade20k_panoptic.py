"""ADE20K panoptic as the scripts of mmdet (ade20k2coco.py) and Mask2Former lay it out."""

dataset_type = 'KMaXADE20KPanopticDataset'
data_root = 'data/ADEChallengeData2016/'
crop_size = (1281, 1281)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    dict(type='KMaXResize', crop_size=crop_size),
    dict(type='KMaXRandomScale', scale_range=(0.5, 2.0), num_scales=15),
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
            dict(type='KMaXRandomScale', scale_range=(0.25, 1.0), num_scales=8),
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

train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='ade20k_panoptic_train.json',
        data_prefix=dict(img='images/training/', seg='ade20k_panoptic_train/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='ade20k_panoptic_val.json',
        data_prefix=dict(img='images/validation/', seg='ade20k_panoptic_val/'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type='KMaXPanopticMetric',
    ann_file=data_root + 'ade20k_panoptic_val.json',
    seg_prefix=data_root + 'ade20k_panoptic_val/',
)
test_evaluator = val_evaluator

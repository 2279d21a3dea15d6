"""Cityscapes panoptic, laid out by cityscapesScripts' createPanopticImgs."""

dataset_type = 'KMaXCityscapesPanopticDataset'
data_root = 'data/cityscapes/'
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

train_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='gtFine/cityscapes_panoptic_train.json',
        data_prefix=dict(img='leftImg8bit/train/', seg='gtFine/cityscapes_panoptic_train/'),
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
        ann_file='gtFine/cityscapes_panoptic_val.json',
        data_prefix=dict(img='leftImg8bit/val/', seg='gtFine/cityscapes_panoptic_val/'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type='KMaXPanopticMetric',
    ann_file=data_root + 'gtFine/cityscapes_panoptic_val.json',
    seg_prefix=data_root + 'gtFine/cityscapes_panoptic_val/',
)
test_evaluator = val_evaluator

"""CamVid's street scenes, 480x360."""

_base_ = './small_panoptic.py'

data_root = 'data/camvid_panoptic/'
crop_size = (193, 257)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    # Straight from 480x360 to 0.75 ... 1.5 times the test size.
    dict(type='KMaXRandomScale', scale_range=(0.4, 0.8), num_scales=11),
    dict(type='PhotoMetricDistortion'),
    dict(type='KMaXRandomPadCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackKMaXInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='KMaXResize', crop_size=crop_size),
    # After the resize: predictions are compared at the original resolution.
    dict(type='LoadPanopticIds'),
    dict(type='PackKMaXInputs', with_sem_seg=True),
]
# The plain view first: it sets the resolution.
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='KMaXResize', crop_size=crop_size)],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='LoadPanopticIds')],
            [dict(type='PackKMaXInputs', with_sem_seg=True)],
        ],
    ),
]

train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = [
    dict(
        type='KMaXPanopticMetric',
        ann_file=data_root + 'panoptic_val.json',
        seg_prefix=data_root + 'panoptic_val/',
    ),
    dict(type='SemSegMetric', iou_metrics=['mIoU']),
]
test_evaluator = val_evaluator

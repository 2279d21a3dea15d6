"""Cell nuclei of the 2018 Data Science Bowl, 256x256 to 360x360."""

_base_ = './small_panoptic.py'

data_root = 'data/nuclei_panoptic/'
crop_size = (257, 257)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    # Near the images' own size: nuclei are 20 pixels wide.
    dict(type='KMaXResize', crop_size=crop_size),
    dict(type='KMaXRandomScale', scale_range=(0.8, 1.25), num_scales=10),
    dict(type='PhotoMetricDistortion'),
    dict(type='KMaXRandomPadCrop', crop_size=crop_size),
    dict(
        type='RandomFlip', prob=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal']
    ),
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
        classwise=True,
        ann_file=data_root + 'panoptic_val.json',
        seg_prefix=data_root + 'panoptic_val/',
    ),
    dict(type='SemSegMetric', iou_metrics=['mIoU']),
]
test_evaluator = val_evaluator

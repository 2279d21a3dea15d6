"""Your own images at 513x513; my_panoptic.py names their folder."""

_base_ = './small_panoptic.py'

crop_size = (513, 513)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    dict(type='KMaXResize', crop_size=crop_size),
    dict(type='KMaXRandomScale', scale_range=(0.5, 1.5), num_scales=11),
    dict(type='PhotoMetricDistortion'),
    dict(type='KMaXRandomPadCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackKMaXInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='KMaXResize', crop_size=crop_size),
    # As the metric compares: at the original resolution. It trusts areas; this looks at them.
    dict(type='LoadPanopticIds'),
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
                dict(type='KMaXResize', crop_size=(385, 385)),
                dict(type='KMaXResize', crop_size=(641, 641)),
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='LoadPanopticIds')],
            [dict(type='PackKMaXInputs')],
        ],
    ),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

"""Cell nuclei of the 2018 Data Science Bowl as a semantic data set of mmseg."""

_base_ = './small_semantic.py'

data_root = 'data/nuclei_panoptic/'
crop_size = (257, 257)
metainfo = dict(
    classes=('nucleus-fluorescence', 'nucleus-stained', 'background-dark', 'background-stained'),
    palette=[[0, 220, 120], [200, 40, 160], [40, 40, 60], [240, 220, 160]],
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # Near the images' own size: nuclei are 20 pixels wide.
    dict(type='mmdet.KMaXResize', crop_size=crop_size),
    dict(type='mmdet.KMaXRandomScale', scale_range=(0.8, 1.25), num_scales=10),
    dict(type='mmdet.KMaXAutoAugment'),
    dict(type='mmdet.KMaXRandomPadCrop', crop_size=crop_size),
    dict(
        type='RandomFlip', prob=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal']
    ),
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
    dataset=dict(
        data_root=data_root, img_suffix='.png', metainfo=metainfo, pipeline=train_pipeline
    ),
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, img_suffix='.png', metainfo=metainfo, pipeline=test_pipeline),
)
test_dataloader = val_dataloader

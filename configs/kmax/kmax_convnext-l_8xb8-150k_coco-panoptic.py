_base_ = [
    './_base_/models/kmax_convnext-l.py',
    './_base_/datasets/coco_panoptic.py',
    './_base_/schedules/schedule_150k.py',
    './_base_/default_runtime.py',
]

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/convnext/'
            'convnext-large_in21k-pre-3rdparty_in1k-384px_20221219-6d38dd66.pth',
        )
    )
)

_base_ = [
    './_base_/models/kmax_convnext-t.py',
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
            'convnext-tiny_in21k-pre_3rdparty_in1k-384px_20221219-c1182362.pth',
        )
    )
)

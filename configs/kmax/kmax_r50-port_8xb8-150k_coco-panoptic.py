"""ResNet-50 on COCO in the recipe of the public PyTorch port."""

_base_ = [
    './_base_/models/kmax_r50-port.py',
    './_base_/datasets/coco_panoptic_port.py',
    './_base_/schedules/schedule_150k_port.py',
    './_base_/default_runtime.py',
]

model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type='Pretrained',
            prefix='backbone.',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/resnet/'
            'resnet50_8xb32_in1k_20210831-ea4938fc.pth',
        )
    )
)

"""Semantic segmentation in mmseg, every class one mask."""

_base_ = [
    './_base_/models/kmax_r50_seg.py',
    './_base_/datasets/ade20k_semantic_641.py',
    './_base_/schedules/schedule_150k.py',
    './_base_/default_runtime_seg.py',
]

model = dict(
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size=_base_.crop_size)),
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/resnet/'
            'resnet50_8xb32_in1k_20210831-ea4938fc.pth',
        )
    ),
    decode_head=dict(
        num_classes=150,
        transformer_decoder=dict(drop_path_rate=0.0),
        criterion=dict(loss_insdis=dict(num_samples=1024)),
    ),
)
train_cfg = dict(max_iters=100000)

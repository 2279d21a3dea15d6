"""Semantic segmentation in mmseg with masks at stride 2, as the original's on Cityscapes."""

_base_ = [
    './_base_/models/kmax_r50_seg.py',
    './_base_/datasets/cityscapes_semantic.py',
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
        num_classes=19,
        pixel_decoder=dict(
            channels=(512, 256, 128, 64, 32),
            num_blocks=(1, 5, 1, 1, 1),
            block_types=('axial', 'axial', 'bottleneck', 'bottleneck', 'bottleneck'),
        ),
        transformer_decoder=dict(num_queries=256),
        semantic_decoder=dict(_delete_=True, type='KMaXSemanticHead'),
        criterion=dict(loss_insdis=dict(sample_temperature=0.6), loss_semantic=dict(top_k=0.2)),
        train_cfg=dict(stride=2),
    ),
)
train_cfg = dict(max_iters=60000)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
auto_scale_lr = dict(base_batch_size=32)

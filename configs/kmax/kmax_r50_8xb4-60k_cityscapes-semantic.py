"""Semantic segmentation in mmseg with masks at stride 2, as the original's on Cityscapes."""

_base_ = [
    './_base_/models/kmax_r50_seg.py',
    './_base_/datasets/cityscapes_semantic.py',
    './_base_/schedules/schedule_60k.py',
    './_base_/default_runtime_seg.py',
]

model = dict(
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size=_base_.crop_size)),
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

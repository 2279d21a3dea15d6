"""Semantic segmentation in mmseg, every class one mask."""

_base_ = [
    './_base_/models/kmax_r50_seg.py',
    './_base_/datasets/ade20k_semantic_641.py',
    './_base_/schedules/schedule_100k.py',
    './_base_/default_runtime_seg.py',
]

model = dict(
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size=_base_.crop_size)),
    decode_head=dict(
        num_classes=150,
        transformer_decoder=dict(drop_path_rate=0.0),
        criterion=dict(loss_insdis=dict(num_samples=1024)),
    ),
)

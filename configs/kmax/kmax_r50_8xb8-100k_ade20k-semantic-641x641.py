"""Semantic segmentation in mmseg, every class one mask."""

_base_ = [
    './_base_/models/kmax_r50_seg.py',
    './_base_/models/ade20k_641x641.py',
    './_base_/datasets/ade20k_semantic_641.py',
    './_base_/schedules/schedule_100k.py',
    './_base_/default_runtime_seg.py',
]

head = _base_.model_on_ade20k.panoptic_head
head.num_classes = head.pop('num_things_classes') + head.pop('num_stuff_classes')
model = dict(
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size=_base_.crop_size)),
    decode_head=head,
)
del head

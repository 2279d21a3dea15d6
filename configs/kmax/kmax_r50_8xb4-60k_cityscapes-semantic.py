"""Semantic segmentation in mmseg with masks at stride 2, as the original's on Cityscapes."""

_base_ = [
    './_base_/models/kmax_r50_seg.py',
    './_base_/models/cityscapes.py',
    './_base_/datasets/cityscapes_semantic.py',
    './_base_/schedules/schedule_60k.py',
    './_base_/default_runtime_seg.py',
]

head = _base_.model_on_cityscapes.panoptic_head
head.num_classes = head.pop('num_things_classes') + head.pop('num_stuff_classes')
head.train_cfg = dict(stride=2)
model = dict(
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size=_base_.crop_size)),
    decode_head=head,
)
del head

"""kmax_nano_scratch-port.py in EncoderDecoder; configs add num_classes and the size."""

_base_ = ['./kmax_nano_scratch-port.py', './seg.py']

head = _base_.model.panoptic_head
model = dict(
    _base_.model_in_mmseg,
    backbone=dict(_base_.model.backbone, type='mmdet.KMaXResNet'),
    decode_head=dict(
        {name: value for name, value in head.items() if 'classes' not in name},
        type='KMaXSegHead',
        semantic_decoder=dict(head.semantic_decoder, num_classes=None),
    ),
)
del head

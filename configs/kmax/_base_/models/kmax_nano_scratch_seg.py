"""kmax_nano_scratch.py in mmseg's EncoderDecoder; configs add num_classes and the input's size."""

_base_ = './kmax_nano_scratch.py'

model = dict(
    _delete_=True,
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[127.5] * 3,
        std=[127.5] * 3,
        bgr_to_rgb=True,
        # Mid-grey, as images are padded when they are normalised.
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(_base_.model.backbone, type='mmdet.KMaXResNet'),
    decode_head=dict(
        {name: x for name, x in _base_.model.panoptic_head.items() if 'classes' not in name},
        type='KMaXSegHead',
    ),
    test_cfg=dict(mode='whole'),
)

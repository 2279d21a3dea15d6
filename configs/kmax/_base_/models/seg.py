"""What mmseg's EncoderDecoder has around every head, see config_parts.in_mmseg."""

model_in_mmseg = dict(
    _delete_=True,
    type='KMaXEncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[127.5] * 3,
        std=[127.5] * 3,
        bgr_to_rgb=True,
        # Mid-grey, as images are padded when they are normalised.
        pad_val=0,
        seg_pad_val=255,
    ),
    test_cfg=dict(mode='whole'),
)

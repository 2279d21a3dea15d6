_base_ = './kmax_r50.py'

model = dict(
    backbone=dict(_delete_=True, type='KMaXConvNeXt', arch='tiny', drop_path_rate=0.3),
    panoptic_head=dict(
        in_channels=[96, 96, 192, 384, 768],
        semantic_decoder=dict(act='gelu'),
    ),
)

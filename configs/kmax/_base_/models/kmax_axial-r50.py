_base_ = './kmax_r50.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='AxialResNet',
        drop_path_rate=0.2,
        norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01),
    ),
    panoptic_head=dict(
        in_channels=[128, 256, 512, 1024, 2048],
        semantic_decoder=dict(act='gelu'),
    ),
)

_base_ = './kmax_r50.py'

model = dict(
    backbone=dict(_delete_=True, type='AxialResNet'),
    panoptic_head=dict(
        in_channels=[128, 256, 512, 1024, 2048],
        semantic_decoder=dict(act='gelu'),
    ),
)

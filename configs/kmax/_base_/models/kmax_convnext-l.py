_base_ = './kmax_convnext-t.py'

model = dict(
    backbone=dict(arch='large', drop_path_rate=0.6),
    panoptic_head=dict(in_channels=[192, 192, 384, 768, 1536]),
)

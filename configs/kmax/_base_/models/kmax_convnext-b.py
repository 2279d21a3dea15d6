_base_ = './kmax_convnext-t.py'

model = dict(
    backbone=dict(arch='base', drop_path_rate=0.5),
    panoptic_head=dict(in_channels=[128, 128, 256, 512, 1024]),
)

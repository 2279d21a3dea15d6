"""Any backbone of mmdet with strides 4 to 32 takes this place: here Swin-T, ImageNet-1K weights."""

_base_ = './kmax_r50_8xb8-150k_coco-panoptic.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='SwinTransformer',
        drop_path_rate=0.3,
        convert_weights=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://github.com/SwinTransformer/storage/releases/download/v1.0.0/'
            'swin_tiny_patch4_window7_224.pth',
        ),
    ),
    panoptic_head=dict(
        in_channels=[96, 192, 384, 768],
        semantic_decoder=dict(act='gelu'),
    ),
)

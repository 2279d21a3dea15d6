_base_ = './kmax_r50.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='KMaXConvNeXt',
        arch='tiny',
        drop_path_rate=0.3,
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/convnext/'
            'convnext-tiny_in21k-pre_3rdparty_in1k-384px_20221219-c1182362.pth',
        ),
    ),
    panoptic_head=dict(
        in_channels=[96, 96, 192, 384, 768],
        semantic_decoder=dict(act='gelu'),
    ),
)

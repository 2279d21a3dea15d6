_base_ = './kmax_r50_8xb8-100k_ade20k-semantic-641x641.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.KMaXConvNeXt',
        arch='large',
        drop_path_rate=0.7,
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/convnext/'
            'convnext-large_in21k-pre-3rdparty_in1k-384px_20221219-6d38dd66.pth',
        ),
    ),
    decode_head=dict(in_channels=[192, 192, 384, 768, 1536], semantic_decoder=dict(act='gelu')),
)

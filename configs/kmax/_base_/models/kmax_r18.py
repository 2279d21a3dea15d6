"""A small kMaX that learns from scratch: ResNet-18 and narrow decoders for small images."""

_base_ = './kmax_r50.py'

model = dict(
    data_preprocessor=dict(pad_size=None),
    backbone=dict(depth=18, init_cfg=dict(_delete_=True, type='KerasInit')),
    panoptic_head=dict(
        in_channels=[64, 64, 128, 256, 512],
        pixel_decoder=dict(channels=(128, 64, 32, 32), num_blocks=(1, 1, 1, 1)),
        transformer_decoder=dict(
            num_queries=64,
            embed_dims=128,
            mask_channels=64,
            feedforward_channels=512,
            drop_path_rate=0.0,
        ),
        semantic_decoder=dict(num_classes=None, channels=64, low_level_channels=(32, 16)),
        criterion=dict(loss_insdis=dict(num_samples=512)),
    ),
    train_cfg=dict(small_instance_area=4096, small_instance_weight=3.0),
    test_cfg=dict(
        semantic_on=True,
        class_threshold_thing=0.4,
        class_threshold_stuff=0.4,
        thing_area_limit=0,
        stuff_area_limit=0,
    ),
)

"""Half as wide as kmax_r18.py, for scenes of few and large segments."""

_base_ = './kmax_r18.py'

model = dict(
    backbone=dict(stem_channels=32, base_channels=32),
    panoptic_head=dict(
        in_channels=[32, 32, 64, 128, 256],
        pixel_decoder=dict(channels=(64, 32, 32, 16)),
        # Small images leave nothing to cluster at stride 32.
        transformer_decoder=dict(num_queries=32, num_layers=(0, 1, 2)),
        criterion=dict(
            loss_mask=dict(loss_weight=1.0),
            loss_insdis=dict(loss_weight=0.3, num_samples=256),
        ),
    ),
)

"""Masks at half the image's resolution, for segments a few pixels wide."""

_base_ = './kmax_nano.py'

model = dict(
    panoptic_head=dict(
        pixel_decoder=dict(
            channels=(64, 32, 32, 16, 16),
            num_blocks=(1, 1, 1, 1, 1),
            block_types=('axial', 'axial', 'bottleneck', 'bottleneck', 'bottleneck'),
        ),
        criterion=dict(
            min_weight=0.1,
            loss_mask=dict(loss_weight=0.3, area_exponent=0.5),
            loss_insdis=dict(loss_weight=1.0, num_samples=512),
        ),
    ),
    train_cfg=dict(stride=2),
)

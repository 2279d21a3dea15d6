"""The network and the post-processing of the public PyTorch port, whose weights fit this model."""

_base_ = './kmax_r50.py'

model = dict(
    backbone=dict(
        stem_pool=True,
        activate_outputs=True,
        zero_init_residual=False,
        init_cfg=dict(type='Kaiming', layer='Conv2d'),
    ),
    panoptic_head=dict(
        init_cfg=dict(type='PortInit'),
        pixel_decoder=dict(dilation=1, align_corners='odd_width'),
        transformer_decoder=dict(norm_eps=1e-12),
        semantic_decoder=dict(align_corners='odd_width'),
        criterion=dict(
            assigner=dict(match_empty_masks=True),
            void='unmatched',
            split_overlaps=True,
            align_corners='odd_height',
            loss_semantic=dict(num_samples=4096, sample_temperature=2.0),
        ),
    ),
    test_cfg=dict(postprocess='port', thing_area_limit=0, stuff_area_limit=0),
)

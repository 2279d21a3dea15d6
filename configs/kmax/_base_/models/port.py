"""What the public PyTorch port changes in every model, see kmax_r50-port.py."""

model_of_port = dict(
    panoptic_head=dict(
        init_cfg=dict(type='PortInit'),
        pixel_decoder=dict(dilation=1, align_corners='odd_width'),
        transformer_decoder=dict(norm_eps=1e-12),
        semantic_decoder=dict(act=None, align_corners='odd_width'),
        criterion=dict(
            assigner=dict(match_empty_masks=True),
            void='unmatched',
            split_overlaps=True,
            align_corners='odd_height',
            loss_semantic=dict(num_samples=4096, sample_temperature=2.0),
        ),
    ),
    # With more masks than queries the best matched stay.
    train_cfg=dict(max_things=None),
    test_cfg=dict(postprocess='port', thing_area_limit=0, stuff_area_limit=0),
)

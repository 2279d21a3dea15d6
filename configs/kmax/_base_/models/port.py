"""What the public PyTorch port changes: in every model, in ResNets, and in how they are trained.

It trained in float16: give ``--amp`` to tools/train.py.
"""

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
resnet_of_port = dict(stem_pool=True, activate_outputs=True, zero_init_residual=False)

optimizer_of_port = dict(type='AdamW', betas=(0.9, 0.999), eps=1e-8)
warmup_of_port = dict(start_factor=0.001)

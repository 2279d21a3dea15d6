"""What Cityscapes changes in every model: add it to the list of bases, then to ``model``."""

model_on_cityscapes = dict(
    data_preprocessor=dict(pad_size=(1025, 2049)),
    panoptic_head=dict(
        num_things_classes=8,
        num_stuff_classes=11,
        pixel_decoder=dict(
            channels=(512, 256, 128, 64, 32),
            num_blocks=(1, 5, 1, 1, 1),
            block_types=('axial', 'axial', 'bottleneck', 'bottleneck', 'bottleneck'),
        ),
        transformer_decoder=dict(num_queries=256),
        semantic_decoder=dict(_delete_=True, type='KMaXSemanticHead'),
        criterion=dict(
            loss_insdis=dict(sample_temperature=0.6),
            loss_semantic=dict(top_k=0.2),
        ),
    ),
    train_cfg=dict(max_things=256, small_instance_area=4096, small_instance_weight=3.0),
    test_cfg=dict(
        class_threshold_thing=0.5,
        class_threshold_stuff=0.3,
        overlap_threshold=0.9,
        reorder_mask_weight=0.0,
        thing_area_limit=256,
        stuff_area_limit=2048,
    ),
)

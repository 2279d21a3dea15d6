"""What ADE20K changes in every model: add it to the list of bases, then to ``model``."""

model_on_ade20k = dict(
    panoptic_head=dict(
        num_things_classes=100,
        num_stuff_classes=50,
        transformer_decoder=dict(drop_path_rate=0.0),
        semantic_decoder=dict(num_classes=151),
    ),
    train_cfg=dict(max_things=256),
    test_cfg=dict(
        class_threshold_thing=0.4,
        class_threshold_stuff=0.4,
        thing_area_limit=0,
        stuff_area_limit=0,
    ),
)

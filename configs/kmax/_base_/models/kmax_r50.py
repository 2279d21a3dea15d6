norm_cfg = dict(type='BN', eps=1e-3, momentum=0.01)
model = dict(
    type='KMaXDeepLab',
    data_preprocessor=dict(type='KMaXDataPreprocessor', pad_size=(1281, 1281)),
    backbone=dict(
        type='KMaXResNet',
        depth=50,
        norm_cfg=norm_cfg,
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/resnet/'
            'resnet50_8xb32_in1k_20210831-ea4938fc.pth',
        ),
    ),
    panoptic_head=dict(
        type='KMaXHead',
        in_channels=[64, 256, 512, 1024, 2048],
        num_things_classes=80,
        num_stuff_classes=53,
        norm_cfg=norm_cfg,
        pixel_decoder=dict(type='KMaXPixelDecoder'),
        transformer_decoder=dict(type='KMaXTransformerDecoder'),
        # The original's semantic decoder has a channel for void.
        semantic_decoder=dict(type='KMaXSemanticDecoder', num_classes=134),
        criterion=dict(
            type='KMaXCriterion',
            assigner=dict(type='KMaXHungarianAssigner'),
            loss_cls=dict(type='PQStyleClassLoss', loss_weight=3.0),
            loss_dice=dict(type='PQStyleDiceLoss', loss_weight=3.0),
            loss_mask=dict(type='MaskIDLoss', loss_weight=0.3),
            loss_insdis=dict(
                type='InstanceDiscriminationLoss',
                loss_weight=1.0,
                num_samples=4096,
                sample_temperature=1.5,
            ),
            loss_semantic=dict(type='AuxSemanticLoss', loss_weight=1.0),
        ),
    ),
    panoptic_fusion_head=dict(type='KMaXFusionHead'),
    train_cfg=dict(max_things=128),
    test_cfg=dict(
        panoptic_on=True,
        semantic_on=False,
        instance_on=False,
        postprocess='deeplab2',
        pixel_confidence_threshold=0.4,
        class_threshold_thing=0.7,
        class_threshold_stuff=0.5,
        overlap_threshold=0.8,
        reorder_class_weight=1.0,
        reorder_mask_weight=1.0,
        thing_area_limit=400,
        stuff_area_limit=6400,
    ),
)

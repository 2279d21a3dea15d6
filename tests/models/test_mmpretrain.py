"""The backbones in mmpretrain's image classifier."""

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

CLASSES = 4
RESNET = dict(type='mmdet.KMaXResNet', depth=18, base_channels=8, stem_channels=8)
CONVNEXT = dict(type='mmdet.KMaXConvNeXt', arch=dict(depths=[1] * 4, channels=[8, 16, 32, 64]))
AXIAL = dict(type='mmdet.AxialResNet', stem_channels=(8, 8, 8), channels=(8, 8, 16, 16))
AXIAL |= dict(num_blocks=(1, 1, 1, 1), num_axial=(0, 0, 1, 1), num_heads=2)
BACKBONES = [dict(RESNET, activate_outputs=True), CONVNEXT, AXIAL]


@pytest.mark.parametrize('backbone', BACKBONES, ids=lambda cfg: cfg['type'])
def test_classifier_trains_and_predicts(backbone):
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    classifier = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(backbone),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=CLASSES, in_channels=64, topk=(1,)),
        )
    )
    classifier.init_weights()
    images = torch.randn(2, 3, 65, 65)
    samples = [DataSample().set_gt_label(label) for label in (1, 3)]
    classifier.loss(images, samples)['loss'].backward()
    first = next(classifier.backbone.parameters())
    assert first.grad.abs().sum() > 0
    predictions = classifier.eval().predict(images, samples)
    assert all(sample.pred_score.shape == (CLASSES,) for sample in predictions)

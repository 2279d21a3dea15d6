"""Networks are traced by torch.compile as one graph, and compute the same."""

import pytest
import torch
from imports import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

CONVNEXT = dict(
    type='KMaXConvNeXt', arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 32, 64]), drop_path_rate=0
)
AXIAL = dict(
    type='AxialResNet',
    stem_channels=(8, 8, 16),
    channels=(8, 8, 16, 16),
    num_blocks=(1, 1, 2, 1),
    num_axial=(0, 0, 1, 1),
)
BACKBONES = {
    'resnet': (None, None),
    'axial': (AXIAL, [16, 32, 32, 64, 64]),
    'convnext': (CONVNEXT, [8, 8, 16, 32, 64]),
}


def build(name):
    cfg = Config.fromfile(ROOT / 'configs/kmax/kmax_nano_shapes-panoptic.py').model
    backbone, channels = BACKBONES[name]
    if backbone:
        cfg.backbone, cfg.panoptic_head.in_channels = backbone, channels
    # Chance would differ.
    cfg.panoptic_head.transformer_decoder.drop_path_rate = 0.0
    init_default_scope('mmdet')
    torch.manual_seed(0)
    return MODELS.build(cfg)


def logits(model, images):
    return model.panoptic_head.predict(model.extract_feat(images))


def everything(model, images):
    output = model.panoptic_head(model.extract_feat(images))
    predictions = [output, *output.aux]
    tensors = [t for p in predictions for t in (p.cls_logits, p.mask_logits, p.pixel_feature)]
    return [*tensors, output.semantic_logits]


@pytest.mark.parametrize(
    ('name', 'mode'),
    [
        *(('resnet', 'eval'), ('resnet', 'folded'), ('resnet', 'train')),
        *(('axial', 'folded'), ('axial', 'train'), ('convnext', 'train')),
    ],
)
def test_a_network_is_one_graph(name, mode):
    torch.compiler.reset()
    model = build(name)
    model = model.eval().fold() if mode == 'folded' else model.train(mode == 'train')
    work = everything if mode == 'train' else logits
    images = torch.randn(2, 3, 65, 97)
    # Fails where the graph would break.
    compiled = torch.compile(work, backend='eager', fullgraph=True, dynamic=False)
    found = []
    with torch.set_grad_enabled(mode == 'train'):
        for run in (compiled, work):
            torch.manual_seed(0)
            found.append(run(model, images))
    assert all(map(torch.equal, *found))

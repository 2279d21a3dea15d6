"""The head on backbones of mmdet and mmpretrain."""

import pytest
import torch
from helpers import NANO, build_model, two_segments
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

SWIN = Config.fromfile(NANO.with_name('kmax_swin-t_8xb8-150k_coco-panoptic.py'))
WIDTHS, EVERY = [16, 32, 64, 128], dict(out_indices=(0, 1, 2, 3))
RESNET = dict(depth=18, stem_channels=16, base_channels=16, norm_cfg=dict(type='BN'))
CONVNEXT = dict(arch=dict(depths=[1] * 4, channels=WIDTHS), gap_before_final_norm=False)
SWIN_OF_24 = dict(SWIN.model.backbone, embed_dims=24, depths=(1, 1, 1, 1), init_cfg=None)
BACKBONES = {
    'mmdet.SwinTransformer': (SWIN_OF_24, [24, 48, 96, 192]),
    'mmdet.ResNet': (dict(RESNET, frozen_stages=1, norm_eval=True), WIDTHS),
    'mmpretrain.ResNet': (dict(RESNET, **EVERY), WIDTHS),
    'mmpretrain.ConvNeXt': (dict(CONVNEXT, **EVERY), WIDTHS),
}


@pytest.fixture(params=BACKBONES)
def model(request, nano_model):
    config = nano_model()
    backbone, channels = BACKBONES[request.param]
    config.panoptic_head.in_channels = channels
    config.backbone = dict(backbone, type=request.param)
    return build_model(config)


@pytest.mark.parametrize('size', [(65, 97), (96, 64)], ids=['odd', 'even'])
def test_trains_and_predicts(model, size):
    images, samples = torch.randn(2, 3, *size), [two_segments(*size)] * 2
    model.train()
    optim_wrapper = build_optim_wrapper(model, SWIN.optim_wrapper)
    losses = model.loss(images, samples)
    trained = {name: p.clone() for name, p in model.named_parameters() if p.requires_grad}
    loss = sum(losses.values())
    loss.backward()
    assert loss.isfinite()
    assert [name for name in trained if model.get_parameter(name).grad is None] == []
    optim_wrapper.step()
    moved = [name for name, old in trained.items() if not model.get_parameter(name).equal(old)]
    assert 'panoptic_head.predictor.class_head.weight' in moved
    assert any(name.startswith('backbone.') for name in moved)

    model.eval()
    (result,) = model.predict(images[:1], [two_segments(*size)])
    assert result.pred_panoptic_seg.sem_seg.shape == (1, *size)
    assert result.pred_sem_seg.sem_seg.shape == (1, *size)


def test_only_kernels_decay_and_the_backbone_learns_slowly(model):
    names = {param: name for name, param in model.named_parameters()}
    groups = build_optim_wrapper(model, SWIN.optim_wrapper).optimizer.param_groups
    grouped = {names[p]: group for group in groups for p in group['params']}
    assert set(grouped) == {n for n, p in model.named_parameters() if p.requires_grad}
    kernels = {
        f'{name}.weight'
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.modules.conv._ConvNd)
    }
    base = SWIN.optim_wrapper.optimizer
    for name, group in grouped.items():
        share = 0.1 if name.startswith('backbone.') else 1.0
        assert group['lr'] == pytest.approx(base.lr * share), name
        assert group['weight_decay'] == (base.weight_decay if name in kernels else 0), name

"""Activation checkpointing changes memory, and nothing else."""

import pytest
import torch
from helpers import build_model, panoptic_sample
from torch import nn

from projects.kmax.models import semantic_decoder
from projects.kmax.models.layers import RecomputedSequential, recompute

AXIAL = dict(type='AxialResNet', stem_channels=(8, 8, 8), channels=(8, 8, 16, 16), num_heads=2)
AXIAL |= dict(num_blocks=(1, 1, 2, 1), num_axial=(0, 0, 1, 1))
RESNET50 = dict(type='KMaXResNet', depth=50, stem_channels=8, base_channels=8)
CONVNEXT = dict(type='KMaXConvNeXt', drop_path_rate=0.5)
CONVNEXT |= dict(arch=dict(depths=[1, 1, 2, 1], channels=[8, 16, 16, 32]))
BACKBONES = dict(
    resnet=(None, None),
    resnet50=(RESNET50, [8, 32, 64, 128, 256]),
    axial=(AXIAL, [8, 32, 32, 64, 64]),
    convnext=(CONVNEXT, [8, 8, 16, 16, 32]),
)


def train_once(config, with_cp, backbone, in_channels):
    """Return losses, gradients and statistics after one step's backward pass."""
    if backbone is not None:
        config.backbone = backbone
        config.panoptic_head.in_channels = in_channels
    config.backbone.with_cp = with_cp
    config.panoptic_head.pixel_decoder.with_cp = with_cp
    config.panoptic_head.transformer_decoder.update(with_cp=with_cp, drop_path_rate=0.3)
    model = build_model(config)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 3, (1, 65, 65), generator=generator)
    torch.manual_seed(2)
    images = torch.randn(2, 3, 65, 65, generator=generator)
    losses = model.loss(images, [panoptic_sample(ids, [0, 3])] * 2)
    loss, logged = model.parse_losses(losses)
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return logged, gradients, dict(model.named_buffers())


@pytest.mark.parametrize('kind', BACKBONES)
def test_losses_gradients_and_statistics_are_equal(nano_model, kind):
    plain, saving = (train_once(nano_model(), cp, *BACKBONES[kind]) for cp in (False, True))
    torch.testing.assert_close(saving, plain, rtol=0, atol=0)
    assert max(gradient.abs().max() for gradient in plain[1].values()) > 0


def test_the_semantic_decoder_is_recomputed_on_demand(nano_model, monkeypatch):
    recomputed = []

    def watched(method, *args):
        recomputed.append(method.__self__)
        return recompute(method, *args)

    monkeypatch.setattr(semantic_decoder, 'recompute', watched)

    def train(**options):
        config = nano_model()
        config.panoptic_head.semantic_decoder.update(dropout=0.0, **options)
        return train_once(config, False, *BACKBONES['resnet'])

    plain = train()
    assert not recomputed
    saving = train(with_cp=True)
    assert [type(module).__name__ for module in recomputed] == ['KMaXSemanticDecoder']
    torch.testing.assert_close(saving, plain, rtol=0, atol=0)
    name = 'panoptic_head.semantic_decoder.aspp.point.conv.weight'
    assert plain[1][name].abs().max() > 0


def test_blocks_keep_only_their_inputs():
    layers = [nn.Sequential(nn.Linear(4, 400), nn.GELU(), nn.Linear(400, 4)) for _ in range(3)]

    def saved(container):
        shapes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x: shapes.append(x.shape) or x, lambda x: x
        ):
            container(*layers)(torch.randn(2, 4, requires_grad=True))
        return shapes

    assert torch.Size([2, 400]) in saved(nn.Sequential)
    assert torch.Size([2, 400]) not in saved(RecomputedSequential)


def test_nothing_is_recomputed_without_gradients():
    with torch.no_grad():
        assert recompute(nn.Identity(), torch.ones(1)).item() == 1

import json

import pytest
import torch
from imports import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

from projects.kmax.converters.port import our_name

CFG = dict(
    constructor='KMaXOptimWrapperConstructor',
    optimizer=dict(type='KMaXAdamW', lr=1.0, weight_decay=0.05),
)


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4)
        self.query = nn.Embedding(5, 4)
        self.layer_scale = nn.Parameter(nn.init.ones_(nn.Linear(4, 4).weight.detach()))
        self.linear = nn.Linear(4, 4)
        self.shared = self.linear


def groups_of(**kwargs):
    model = Toy()
    names = {param: name for name, param in model.named_parameters()}
    groups = build_optim_wrapper(model, {**CFG, **kwargs}).optimizer.param_groups
    return [
        (group['lr'], group['weight_decay'], {names[param] for param in group['params']})
        for group in groups
    ]


def test_only_kernels_decay_and_the_backbone_learns_slowly():
    assert groups_of() == [
        (1.0, 0.05, {'depthwise.weight', 'linear.weight'}),
        (1.0, 0.0, {'layer_scale', 'depthwise.bias', 'query.weight', 'linear.bias'}),
        (0.1, 0.05, {'backbone.0.weight'}),
        (0.1, 0.0, {'backbone.0.bias', 'backbone.1.weight', 'backbone.1.bias'}),
    ]


def test_backbone_multiplier_can_be_set():
    rates = [lr for lr, _, _ in groups_of(paramwise_cfg=dict(backbone_lr_mult=0.5))]
    assert rates == [1.0, 1.0, 0.5, 0.5]


def test_unknown_option_is_refused():
    with pytest.raises(ValueError, match="holds \\['norm_decay_mult'\\]"):
        groups_of(paramwise_cfg=dict(norm_decay_mult=0.0))


def test_missing_weight_decay_is_refused():
    with pytest.raises(ValueError, match='must give lr and weight_decay'):
        groups_of(optimizer=dict(type='KMaXAdamW', lr=1.0))


def test_port_groups_equal_the_ports_own(oracle):
    """Every parameter of the port's ResNet-50 has the rate and decay recorded from the port."""
    recorded = json.loads(oracle('pytorch/optim_groups.json').read_text())['r50']
    config = Config.fromfile(ROOT / 'configs/kmax/kmax_r50-port_8xb8-150k_coco-panoptic.py')
    init_default_scope('mmdet')
    model = MODELS.build(config.model)
    optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    names = {param: name for name, param in model.named_parameters()}
    groups = {
        names[param]: (pytest.approx(group['lr']), group['weight_decay'])
        for group in optimizer.param_groups
        for param in group['params']
    }
    expected = {our_name(name): (rate, decay) for name, rate, decay in recorded['params']}
    assert len(expected) == len(recorded['params']) == 718
    assert expected == groups
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.defaults['eps'] == float(recorded['defaults']['eps'])
    assert optimizer.defaults['betas'] == (0.9, 0.999)

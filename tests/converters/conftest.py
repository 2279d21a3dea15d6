"""Models without memory or values, and what checkpoints are known to hold."""

import json
import lzma
from functools import cache, partial
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import projects.kmax  # noqa: F401

CONFIGS = Path(projects.kmax.__file__).parents[2] / 'configs/kmax'
DATA = Path(__file__).resolve().parents[1] / 'data'


def build(config):
    """Build a model on the meta device."""
    init_default_scope('mmdet')
    with pytest.MonkeyPatch.context() as patch, torch.device('meta'):
        # Drop path rates are read from it as numbers.
        patch.setattr(torch, 'linspace', partial(torch.linspace, device='cpu'))
        return MODELS.build(config)


@pytest.fixture(scope='session')
def meta_model():
    """Return a function from the name of a config to its model; further arguments change it."""

    @cache
    def make(name: str):
        return build(Config.fromfile(CONFIGS / f'{name}.py').model)

    def changed(name: str, **changes):
        if not changes:
            return make(name)
        config = Config.fromfile(CONFIGS / f'{name}.py')
        config.merge_from_dict(dict(model=changes))
        return build(config.model)

    return changed


def meta_tensors(shapes):
    return {name: torch.empty(shape, device='meta') for name, shape in shapes.items()}


@pytest.fixture(scope='session')
def released(port_shapes):
    """Tensors of the PyTorch port's nine checkpoints, on the meta device."""
    return {case: meta_tensors(shapes) for case, shapes in port_shapes.items()}


@pytest.fixture(scope='session')
def imagenet():
    """Parameters of ResNet-50 and ConvNeXt as other projects name them, on the meta device.

    Those of torchvision 0.28 and timm 1.0.31 come from their models, those of ConvNeXt's repository
    from what timm converts to its own.
    """
    recorded = json.loads(lzma.open(DATA / 'imagenet/parameters.json.xz').read())
    return {case: meta_tensors(dict(rows)) for case, rows in recorded.items()}

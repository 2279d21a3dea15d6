"""Models of the configs, without memory or values."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
from functools import cache
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from projects.kmax.engine.model_cost import build_on_meta

ROOT = Path(__file__).resolve().parents[2] / 'configs' / 'kmax'


@cache
def _build(name: str) -> tuple[Config, nn.Module]:
    config = Config.fromfile(ROOT / f'{name}.py')
    init_default_scope(config.default_scope)
    return config, build_on_meta(config.model)


def _in_scope(name: str) -> tuple[Config, nn.Module]:
    config, model = _build(name)
    # What was built before may have set another.
    init_default_scope(config.default_scope)
    return config, model


@pytest.fixture(scope='session')
def on_meta():
    """Return a function from a config's name to the config and its model on the meta device."""
    return _in_scope

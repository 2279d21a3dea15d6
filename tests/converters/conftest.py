"""Models without memory or values, and what checkpoints are known to hold."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import json
import lzma
from functools import cache
from pathlib import Path

import pytest
import torch
from published import build

DATA = Path(__file__).resolve().parents[1] / 'data'


@pytest.fixture(scope='session')
def meta_model():
    """Return a function from the name of a config to its model; further arguments change it."""
    unchanged = cache(build)
    return lambda name, **changes: (build(name, **changes) if changes else unchanged(name))[1]


def meta_tensors(shapes):
    return {name: torch.empty(shape, device='meta') for name, shape in shapes.items()}


@pytest.fixture(scope='session')
def released(deeplab2_shapes, port_shapes):
    """Tensors of every released checkpoint by its format and name, on the meta device."""
    recorded = dict(deeplab2=deeplab2_shapes, port=port_shapes)
    return {
        form: {case: meta_tensors(shapes) for case, shapes in cases.items()}
        for form, cases in recorded.items()
    }


@pytest.fixture(scope='session')
def imagenet():
    """Parameters of ResNet-50 and ConvNeXt as other projects name them, on the meta device."""
    recorded = json.loads(lzma.open(DATA / 'imagenet/parameters.json.xz').read())
    return {case: meta_tensors(dict(rows)) for case, rows in recorded.items()}

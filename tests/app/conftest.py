"""A small model with weights of no training, and the page that shows it."""

import pytest
import torch
from helpers import NANO, build_model, free_port
from made_images import encode, noise
from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.kmax.apis import KMaXInferencer

ANYTHING = dict(
    class_threshold_thing=0.0,
    class_threshold_stuff=0.0,
    pixel_confidence_threshold=0.3,
    overlap_threshold=0.0,
)
"""Thresholds that several segments of an untrained model pass."""


@pytest.fixture(scope='session')
def weights(tmp_path_factory):
    """A checkpoint."""
    init_default_scope('mmdet')
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp('weights') / 'nano.pth'
    model = build_model(Config.fromfile(NANO).model)
    # Its masks would all be alike.
    model.panoptic_head.predictor.mask_bn.weight.data.mul_(100)
    # Named here, not by data that may have been drawn.
    names = tuple(f'class {label}' for label in range(10))
    meta = dict(dataset_meta=dict(classes=names))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), file)
    return file


@pytest.fixture(scope='session')
def inferencer(weights):
    """The model."""
    return KMaXInferencer(NANO, weights, 'cpu', **ANYTHING)


@pytest.fixture
def calls(inferencer, monkeypatch):
    """One entry for each image that the network sees."""
    seen = []
    observe = inferencer.model.observe

    def count(data, with_layers=False):
        seen.append(len(data['inputs']))
        return observe(data, with_layers)

    monkeypatch.setattr(inferencer.model, 'observe', count)
    return seen


@pytest.fixture
def page(inferencer, tmp_path, monkeypatch):
    """The page of the model, whose files lie in a folder of the test."""
    pytest.importorskip('gradio', reason='the page needs gradio')
    from projects.kmax.app.page import Page
    from projects.kmax.app.uploads import Limits

    monkeypatch.setenv('GRADIO_TEMP_DIR', str(tmp_path / 'gradio'))
    return Page({'nano': inferencer}, Limits(megapixels=50, megabytes=5))


@pytest.fixture
def serve(page):
    """Start the page on a free port; returns its address."""
    from projects.kmax.app.page import launch

    started = []

    def start(page=page):
        port = free_port()
        started.append(launch(page, '127.0.0.1', port, 8))
        return f'http://127.0.0.1:{port}'

    yield start
    for blocks in started:
        blocks.close(verbose=False)


@pytest.fixture
def png():
    """The bytes of a PNG of 90 x 60 pixels."""
    return encode(noise(90, 60))

"""Checkpoints that are not a model's, or are damaged, in mmdet's and mmseg's inference API."""

import pytest
import torch
from helpers import NANO
from mmdet.apis import DetInferencer, init_detector
from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.kmax.engine.model_cost import MODELS

CONFIG = Config.fromfile(NANO)
LOADERS = {
    'init_detector': lambda path: init_detector(NANO, path, device='cpu'),
    'DetInferencer': lambda path: DetInferencer(str(NANO), path, device='cpu'),
}


@pytest.fixture(scope='module')
def weights():
    init_default_scope('mmdet')
    return MODELS.build(CONFIG.model).state_dict()


@pytest.fixture(params=sorted(LOADERS))
def load(request, tmp_path):
    path = str(tmp_path / 'weights.pth')

    def run(content):
        if isinstance(content, bytes):
            (tmp_path / 'weights.pth').write_bytes(content)
        else:
            torch.save(content, path)
        return LOADERS[request.param](path)

    return run


def test_other_checkpoints_are_refused_by_name(load, weights):
    for content in (
        dict(list(weights.items())[3:]),
        {f'other.{name}': value for name, value in weights.items()},
        {**weights, 'panoptic_head.predictor.class_head.bias': torch.zeros(99)},
    ):
        with pytest.raises(ValueError, match='checkpoint .*weights.pth is not one of the model'):
            load(content)


def test_a_changed_bit_is_found(load, weights, tmp_path):
    torch.save(weights, tmp_path / 'whole.pth')
    content = bytearray((tmp_path / 'whole.pth').read_bytes())
    content[len(content) // 2] ^= 1
    with pytest.raises(ValueError, match='weights.pth cannot be read, it may be damaged: .*checks'):
        load(bytes(content))


def test_own_weights_pass(load, weights):
    load(weights)


def test_init_model_of_mmseg_is_checked():
    from mmseg.apis import inference, init_model

    assert init_model is inference.init_model and hasattr(init_model, '__wrapped__')

"""Mixed precision: what must stay in float32 does, and the losses are those of float32."""

import pytest
import torch
import torch.nn.functional as F
from helpers import NANO, build_model, two_segments
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.registry import init_default_scope

CONFIG = Config.fromfile(NANO)


@pytest.fixture
def model():
    init_default_scope('mmdet')
    torch.manual_seed(0)
    return build_model(CONFIG.model).train()


@pytest.fixture
def wrapper(model, monkeypatch):
    """mmengine's wrapper, which refuses CPUs although autocast has bfloat16 there."""
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    config = dict(CONFIG.optim_wrapper, type='AmpOptimWrapper', dtype='bfloat16', loss_scale=1.0)
    return build_optim_wrapper(model, config)


@pytest.fixture
def batch():
    return torch.randn(2, 3, 65, 97), [two_segments(65, 97)] * 2


def losses_of(model, batch):
    """Losses of a batch, the same pixels sampled at every call."""
    torch.manual_seed(0)
    return model.loss(*batch)


def test_losses_are_close_to_float32(model, wrapper, batch):
    expected = losses_of(model, batch)
    with wrapper.optim_context(model):
        losses = losses_of(model, batch)
    assert all(loss.dtype == torch.float32 for loss in losses.values())
    torch.testing.assert_close(losses, expected, rtol=0.05, atol=0.02)
    before = model.panoptic_head.predictor.class_head.weight.clone()
    wrapper.update_params(sum(losses.values()))
    assert all(p.isfinite().all() for p in model.parameters())
    assert not before.equal(model.panoptic_head.predictor.class_head.weight)


def test_what_decides_is_float32(model, wrapper, batch, monkeypatch):
    seen = {}

    def watch(owner, name):
        original = getattr(owner, name)

        def watched(x, *args, **kwargs):
            seen.setdefault(name, set()).add(x.dtype)
            return original(x, *args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    for name in ('softmax', 'argmax', 'index_add', 'logsumexp'):
        watch(torch.Tensor, name)
    for name in ('layer_norm', 'normalize', 'cross_entropy'):
        watch(F, name)
    with wrapper.optim_context(model):
        output = model.panoptic_head(model.extract_feat(batch[0]))
        losses_of(model, batch)
    assert seen.keys() >= {'softmax', 'argmax', 'index_add', 'layer_norm', 'cross_entropy'}
    assert {name: dtypes for name, dtypes in seen.items() if dtypes != {torch.float32}} == {}
    assert output.mask_logits.dtype == output.cls_logits.dtype == torch.float32
    assert output.semantic_logits.dtype == torch.bfloat16

"""Mixed precision: what must stay in float32 does, and the losses are those of float32."""

import pytest
import torch
import torch.nn.functional as F
from imports import ROOT
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData

CONFIG = Config.fromfile(ROOT / 'configs/kmax/kmax_nano_shapes-panoptic.py')


@pytest.fixture
def model():
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(CONFIG.model)
    model.init_weights()
    return model.train()


@pytest.fixture
def wrapper(model, monkeypatch):
    """mmengine's wrapper, which refuses CPUs although autocast has bfloat16 there."""
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    config = dict(CONFIG.optim_wrapper, type='AmpOptimWrapper', dtype='bfloat16', loss_scale=1.0)
    return build_optim_wrapper(model, config)


@pytest.fixture
def batch():
    sample = DetDataSample(metainfo=dict(img_shape=(65, 97), ori_shape=(65, 97)))
    ids = torch.ones(1, 65, 97, dtype=torch.int16)
    ids[:, 32:] = 2
    sample.gt_panoptic_seg = PixelData(ids=ids)
    sample.gt_segments = InstanceData(labels=torch.tensor([7, 2]))
    return torch.randn(2, 3, 65, 97), [sample] * 2


def losses_of(model, batch):
    """Losses of a batch, the same pixels sampled at every call."""
    torch.manual_seed(0)
    return model.loss(*batch)


def test_losses_are_close_to_float32(model, wrapper, batch):
    expected = losses_of(model, batch)
    with wrapper.optim_context(model):
        losses = losses_of(model, batch)
    assert losses.keys() == expected.keys()
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        torch.testing.assert_close(loss, expected[name], rtol=0.05, atol=0.02, msg=name)
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

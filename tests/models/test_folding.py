"""Models without batch norms predict what they predict with them."""

import copy

import pytest
import torch
from helpers import SMALL_BACKBONES
from imports import ROOT
from mmcv.cnn.bricks.conv_ws import ConvWS2d
from mmcv.cnn.bricks.wrappers import Conv2d as MMCVConv2d
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.nn.modules.batchnorm import _BatchNorm

from projects.kmax.models.layers.folding import PointwiseConv2d, choose_kernels

BACKBONES = {
    'resnet': (dict(), [8, 8, 16, 32, 64]),
    **SMALL_BACKBONES,
}


@pytest.fixture(scope='module', params=BACKBONES)
def model(request, tiny_head):
    """Return a model in float64 whose batch norms have seen images, and factors of any sign."""
    cfg = Config.fromfile(ROOT / 'configs/kmax/kmax_nano_shapes-panoptic.py').model
    backbone, channels = BACKBONES[request.param]
    if backbone:
        cfg.backbone = backbone
    else:
        cfg.backbone.update(stem_channels=8, base_channels=8)
    cfg.panoptic_head.update({**copy.deepcopy(tiny_head), 'in_channels': channels})
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    for norm in model.modules():
        if isinstance(norm, _BatchNorm):
            norm.momentum = 1.0
            torch.nn.init.normal_(norm.bias, std=0.1)
            if not norm.weight.any():
                torch.nn.init.constant_(norm.weight, 0.1)
            norm.weight.data *= torch.empty_like(norm.weight).uniform_(0.5, 1.5)
    axis = model.panoptic_head.pixel_decoder.stages[0][0].attention.height_axis
    axis.similarity_bn.weight.data[:2] = torch.tensor([0.0, -1.0])
    model.double()(torch.randn(2, 3, 65, 97, dtype=torch.float64), mode='tensor')
    return model.eval()


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float64, 1e-10), (torch.float32, 1e-3)])
@pytest.mark.parametrize('threads', [1, 2])
def test_folded_models_predict_the_same(model, dtype, tolerance, threads):
    model = copy.deepcopy(model).to(dtype)
    folded = model.fold()
    assert not any(isinstance(module, _BatchNorm) for module in folded.modules())
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    with torch.no_grad():
        for size in ((65, 97), (33, 40)):
            images = torch.randn(2, 3, *size, dtype=dtype)
            expected, got = (m.panoptic_head(m.extract_feat(images)) for m in (model, folded))
            pairs = [(expected.semantic_logits, got.semantic_logits)]
            for one, other in zip([expected, *expected.aux], [got, *got.aux], strict=True):
                pairs.append((one.cls_logits, other.cls_logits))
                pairs.append((one.mask_logits, other.mask_logits))
            for one, other in pairs:
                assert (one - other).abs().max() <= tolerance * one.std()
    torch.set_num_threads(before)


def test_the_model_itself_stays_as_it_is(model):
    before = copy.deepcopy(model.state_dict())
    model.fold()
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_folded_models_neither_train_nor_make_checkpoints(model):
    folded = model.fold()
    assert not folded.eval().training
    with pytest.raises(RuntimeError, match='a folded model only predicts'):
        folded.train()
    with pytest.raises(RuntimeError, match='a folded model makes no checkpoint'):
        folded.state_dict()


def test_other_kinds_of_convolutions_stay_as_they_are():
    module = torch.nn.Sequential(ConvWS2d(8, 8, 1), torch.nn.Conv2d(8, 8, 1), MMCVConv2d(8, 8, 1))
    choose_kernels(module)
    assert [type(conv) for conv in module] == [ConvWS2d, PointwiseConv2d, PointwiseConv2d]

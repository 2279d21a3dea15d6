"""Convolution, norm and GELU that forget the norm's result equal the plain ones."""

import copy

import pytest
import torch
import torch.nn.functional as F

from projects.kmax.models.layers import norm_gelu
from projects.kmax.models.layers.norm_gelu import ConvNormGELU

BN = dict(type='BN', eps=1e-3, momentum=0.01)


@pytest.fixture(autouse=True)
def small_maps_count(monkeypatch):
    monkeypatch.setattr(norm_gelu, 'WORTHWHILE', 0)


def gradients(forward, conv, x, grad):
    x = x.clone().requires_grad_()
    out = forward(conv, x)
    out.backward(grad)
    return [out, x.grad, *(param.grad for param in conv.parameters()), *conv.buffers()]


def plain(conv, x):
    return F.gelu(conv.norm(conv.conv(x)))


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_results_gradients_and_statistics_equal_the_plain_ones(layout):
    torch.manual_seed(0)
    conv = ConvNormGELU(3, 5, 3, padding=1, norm_cfg=BN).double().to(memory_format=layout)
    torch.nn.init.normal_(conv.norm.weight)
    torch.nn.init.normal_(conv.norm.bias)
    x = torch.randn(2, 3, 7, 6).double().contiguous(memory_format=layout)
    grad = torch.randn(2, 5, 7, 6).double()
    expected = gradients(plain, copy.deepcopy(conv), x, grad)
    found = gradients(lambda conv, x: conv(x), conv, x, grad)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def kept_values(forward, conv, x):
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = forward(conv, x)
    return sum(tensor.numel() for tensor in kept.values() if tensor.shape == out.shape)


def test_what_the_norm_returned_is_not_kept():
    conv = ConvNormGELU(5, 5, 3, padding=1, norm_cfg=BN)
    x = torch.randn(2, 5, 7, 6, requires_grad=True)
    assert kept_values(plain, conv, x) == 3 * x.numel()
    assert kept_values(lambda conv, x: conv(x), conv, x) == 2 * x.numel()


def test_evaluation_uses_the_running_statistics():
    conv = ConvNormGELU(3, 5, 1, norm_cfg=BN).eval()
    x = torch.randn(2, 3, 7, 6)
    assert torch.equal(conv(x), plain(conv, x))


def test_norms_without_factors_are_left_to_torch():
    conv = ConvNormGELU(3, 5, 3, norm_cfg=dict(BN, affine=False))
    x = torch.randn(2, 3, 7, 6)
    expected = plain(copy.deepcopy(conv), x)
    assert torch.equal(conv(x), expected)

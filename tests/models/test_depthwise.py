import pytest
import torch
from torch import nn

from projects.kmax.models.layers import depthwise
from projects.kmax.models.layers.depthwise import DepthwiseConv2d, is_depthwise
from projects.kmax.models.layers.folding import choose_kernels


def gradients(conv, x):
    x = x.clone().requires_grad_()
    out = conv(x)
    torch.manual_seed(1)
    (out * torch.randn(out.shape).to(out)).sum().backward()
    return [out, x.grad, *(param.grad for param in conv.parameters())]


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('kernel', [5, (3, 7)])
@pytest.mark.parametrize('height', [25, 85])
def test_gradients_are_those_of_torch(layout, bias, kernel, height):
    torch.manual_seed(0)
    padding = tuple(size // 2 for size in kernel) if isinstance(kernel, tuple) else kernel // 2
    conv = nn.Conv2d(6, 6, kernel, padding=padding, groups=6, bias=bias).double()
    x = torch.randn(2, 6, height, 11).to(memory_format=layout)
    expected = gradients(conv, x.double())
    conv = DepthwiseConv2d.like(conv.float())
    conv.zero_grad()
    for found, wanted in zip(gradients(conv, x), expected, strict=True):
        torch.testing.assert_close(found, wanted.float(), rtol=1e-5, atol=2e-5)


def test_only_what_it_can_do_is_exchanged():
    model = nn.Sequential(
        nn.Conv2d(4, 4, 5, padding=2, groups=4),
        nn.Conv2d(4, 4, 5, groups=4),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4),
        nn.Conv2d(4, 4, 3, padding=1, stride=2, groups=4),
        nn.Conv2d(4, 4, 3, padding='same', groups=4),
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Conv2d(4, 8, 3, padding=1, groups=4),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, padding_mode='reflect'),
    )
    state = {name: value.clone() for name, value in model.state_dict().items()}
    assert [is_depthwise(conv) for conv in model] == [True] + [False] * 7
    choose_kernels(model)
    assert [type(conv) is DepthwiseConv2d for conv in model] == [True] + [False] * 7
    assert all(state[name].equal(value) for name, value in model.state_dict().items())


@pytest.mark.parametrize('way', ['no_grad', 'frozen', 'float64', 'autocast', 'small'])
def test_elsewhere_it_is_torch_that_computes(way, monkeypatch):
    monkeypatch.setattr(depthwise._Depthwise, 'apply', lambda *args: pytest.fail('not here'))
    conv = DepthwiseConv2d.like(nn.Conv2d(4, 4, 3, padding=1, groups=4))
    x = torch.randn(1, 4, *((3, 3) if way == 'small' else (20, 20)))
    if way == 'frozen':
        conv.requires_grad_(False)
    if way == 'float64':
        conv, x = conv.double(), x.double()
    with torch.set_grad_enabled(way != 'no_grad'):
        with torch.autocast('cpu', torch.bfloat16, enabled=way == 'autocast'):
            assert conv(x).shape == x.shape

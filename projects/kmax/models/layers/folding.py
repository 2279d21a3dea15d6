"""Batch norms of a trained model, folded into the layers beside them (for inference only)."""

from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.wrappers import Conv2d as MMCVConv2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .depthwise import DepthwiseConv2d, is_depthwise

TINY = 1e-20
"""Stands for a factor of 0 that divides; what it multiplies vanishes all the same."""

PLAIN = (nn.Conv2d, MMCVConv2d)
MIN_PRODUCTS = 2**25
"""Multiply-adds of a convolution beyond which the choice of a kernel gains more than it costs."""


@runtime_checkable
class Foldable(Protocol):
    """A module with norms that do not follow a convolution."""

    def folded(self) -> nn.Module:
        """Return the same for inference, without norms; those of its convolutions are folded."""
        ...


class Shift(nn.Module):
    """Adds what is left of a norm whose factor has gone elsewhere."""

    shift: Tensor

    def __init__(self, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer('shift', shift)

    def forward(self, x: Tensor) -> Tensor:
        """Add it to ``(B, C, ...)``."""
        return x + self.shift


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution whose kernel is chosen for one CPU thread, too.

    torch would call a plain matrix product there, which is 10 to 15 % slower than oneDNN's kernel,
    to which it sends dilated convolutions; a kernel of one place is the same at any dilation. Small
    ones keep the product, which starts sooner.
    """

    @classmethod
    def like(cls, conv: nn.Conv2d) -> 'PointwiseConv2d':
        """Return one in place of a convolution of stride 1, without groups."""
        other = cls(conv.in_channels, conv.out_channels, 1, device='meta')
        # With the parameters themselves, and how they start.
        other.__dict__.update(conv.__dict__)
        return other

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # A compiler chooses kernels itself.
        pays = not torch.compiler.is_compiling() and _is_alone(input) and _is_large(input, weight)
        return F.conv2d(input, weight, bias, dilation=2 if pays else 1)


def _is_alone(input: Tensor) -> bool:
    return input.device.type == 'cpu' and torch.get_num_threads() == 1


def _is_large(input: Tensor, weight: Tensor) -> bool:
    return input.numel() * len(weight) >= MIN_PRODUCTS


@torch.no_grad()
def fold_norms(module: nn.Module) -> nn.Module:
    """Fold all batch norms of a model in evaluation mode, in place, and return it, or its stand-in.

    Convolutions take those that follow them; a :class:`Foldable` module folds its own.
    """
    last: tuple[str, _ConvNd] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, _BatchNorm) and last is not None:
            conv = fuse_conv_bn_eval(last[1], child)
            setattr(module, last[0], conv.requires_grad_(False))
            setattr(module, name, nn.Identity())
        else:
            setattr(module, name, fold_norms(child))
        last = (name, child) if isinstance(child, _ConvNd) else None
    return module.folded() if isinstance(module, Foldable) else module


def choose_kernels(module: nn.Module) -> None:
    """Let the 1x1 and the depthwise convolutions of a model choose their kernel, in place."""
    for parent in list(module.modules()):
        for name, conv in list(parent.named_children()):
            # Other kinds, as those that standardise their weights, compute something else.
            if not isinstance(conv, nn.Conv2d) or type(conv) not in PLAIN:
                continue
            if is_depthwise(conv):
                setattr(parent, name, DepthwiseConv2d.like(conv))
            elif conv.groups == 1 and set(conv.kernel_size) == set(conv.stride) == {1}:
                if not any(conv.padding):
                    setattr(parent, name, PointwiseConv2d.like(conv))


def affine(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the factor and the summand ``(C,)`` of a batch norm in evaluation mode."""
    assert isinstance(norm, _BatchNorm)
    assert norm.running_mean is not None and norm.running_var is not None
    scale = (norm.running_var + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight
    shift = -norm.running_mean * scale
    return scale, (shift + norm.bias if norm.affine else shift)


def scale_outputs(conv: nn.Module, scale: Tensor, shift: Tensor, start: int = 0) -> None:
    """Apply a factor and a summand ``(C,)`` to a convolution's outputs from ``start`` on."""
    assert isinstance(conv, _ConvNd) and conv.bias is not None
    outputs = slice(start, start + len(scale))
    conv.weight[outputs] *= scale.view(-1, *[1] * (conv.weight.dim() - 1))
    conv.bias[outputs] = conv.bias[outputs] * scale + shift


def scale_inputs(conv: nn.Module, scale: Tensor, shift: Tensor) -> None:
    """Apply a factor and a summand ``(C,)`` to the inputs of a pointwise convolution."""
    assert isinstance(conv, _ConvNd) and conv.bias is not None
    weight = conv.weight.flatten(1)
    conv.bias += weight @ shift
    conv.weight *= scale.view(1, -1, *[1] * (conv.weight.dim() - 2))

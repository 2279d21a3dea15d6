"""Batch norms of a trained model, folded into the layers beside them (for inference only)."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_eval

TINY = 1e-20
"""Stands for a factor of 0 by which something is divided; what it multiplies vanishes all the same."""


@runtime_checkable
class Foldable(Protocol):
    """A module with norms that do not follow a convolution."""

    def folded(self) -> nn.Module:
        """Return the same for inference, without norms; those of its convolutions are folded."""
        ...


class Shift(nn.Module):
    """Adds what is left of a norm whose factor has gone elsewhere."""

    def __init__(self, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer('shift', shift)

    def forward(self, x: Tensor) -> Tensor:
        """Add it to ``(B, C, ...)``."""
        return x + self.shift


@torch.no_grad()
def fold_norms(module: nn.Module) -> nn.Module:
    """Fold all batch norms of a model in evaluation mode, in place, and return it, or its stand-in.

    Convolutions take those that follow them; a :class:`Foldable` module folds its own.
    """
    last: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, _BatchNorm) and last is not None:
            conv = fuse_conv_bn_eval(last[1], child)
            setattr(module, last[0], conv.requires_grad_(False))
            setattr(module, name, nn.Identity())
        else:
            setattr(module, name, fold_norms(child))
        last = (name, child) if isinstance(child, _ConvNd) else None
    return module.folded() if isinstance(module, Foldable) else module


def affine(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the factor and the summand ``(C,)`` of a batch norm in evaluation mode."""
    assert isinstance(norm, _BatchNorm)
    assert norm.running_mean is not None and norm.running_var is not None
    scale = (norm.running_var + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight
    shift = -norm.running_mean * scale
    return scale, shift + norm.bias if norm.affine else shift


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

"""Convolution, batch norm and GELU in training, which forget what the norm returned."""

from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

WORTHWHILE = 2**18
"""Values of a map from which its memory counts; below, the calls cost more than they save."""


class ConvNormGELU(ConvModule):
    """``ConvModule`` with batch norm and GELU that keeps two maps for the backward pass, not three.

    What the norm returned is computed again from what it was given.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        norm_cfg: dict,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            norm_cfg=norm_cfg,
            act_cfg=dict(type='GELU'),
            **kwargs,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H', W')``."""
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(x)
        out = self.conv(x)
        if _is_worthwhile(self.norm, out):
            return norm_gelu(self.norm, out)
        return self.activate(self.norm(out))


class DepthwiseSeparableConv(nn.Module):
    """Depthwise and pointwise convolution, each with norm and GELU; names are mmcv's."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, norm_cfg: dict
    ) -> None:
        super().__init__()
        self.depthwise_conv = ConvNormGELU(
            in_channels,
            in_channels,
            kernel_size,
            padding=kernel_size // 2,
            groups=in_channels,
            norm_cfg=norm_cfg,
        )
        self.pointwise_conv = ConvNormGELU(in_channels, out_channels, 1, norm_cfg=norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        return self.pointwise_conv(self.depthwise_conv(x))


def _is_worthwhile(norm: nn.Module, x: Tensor) -> bool:
    is_plain = type(norm) is nn.BatchNorm2d and norm.training and norm.affine
    is_plain = is_plain and norm.momentum is not None
    # A compiler decides itself what to keep.
    return is_plain and x.numel() >= WORTHWHILE and not torch.compiler.is_compiling()


def norm_gelu(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Return the GELU of a batch norm in training of ``(B, C, H, W)``."""
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return _NormGELU.apply(
        x, norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.momentum, norm.eps
    )


class _NormGELU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        normed, mean, inverse_std = torch.native_batch_norm(
            x, weight, bias, running_mean, running_var, True, momentum, eps
        )
        ctx.save_for_backward(x, weight, bias, mean, inverse_std)
        ctx.eps = eps
        return F.gelu(normed)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, inverse_std = ctx.saved_tensors
        scale = weight * inverse_std
        shift = bias - mean * scale
        normed = torch.addcmul(shift[:, None, None], x, scale[:, None, None]).to(x.dtype)
        # In another layout than the map's the norm's gradient takes 20 times as long.
        if grad.stride() != x.stride():
            grad = torch.empty_like(x).copy_(grad)
        grad = torch.ops.aten.gelu_backward(grad, normed)
        del normed
        grads = torch.ops.aten.native_batch_norm_backward(
            grad, x, weight, None, None, mean, inverse_std, True, ctx.eps, [True, True, True]
        )
        return *grads, None, None, None, None

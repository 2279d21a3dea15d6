"""Depthwise convolution that learns its kernel in less time on CPUs."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

ROWS = 40
"""Rows of a map, at most, whose share of a gradient is summed at once: they fit a cache."""

WORTHWHILE = 256
"""Pixels of a map from which the calls cost less than they save."""


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution that keeps the size, whose kernel's gradient is one itself.

    oneDNN takes the gradient of a kernel by a product of 16 by 16 channels, of which a depthwise
    convolution needs one each: ten times as long as the convolution takes. Maps of float32 in
    training on a CPU go another way.
    """

    @classmethod
    def like(cls, conv: nn.Conv2d) -> 'DepthwiseConv2d':
        """Return one in place of a convolution of which :func:`is_depthwise` is true."""
        other = cls(1, 1, 1, device='meta')
        # With the parameters themselves, and how they start.
        other.__dict__.update(conv.__dict__)
        return other

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        learns = torch.is_grad_enabled() and weight.requires_grad
        is_plain = input.device.type == 'cpu' and input.dtype == weight.dtype == torch.float32
        is_plain = is_plain and input.shape[-2:].numel() >= WORTHWHILE
        # A compiler traces no function that makes its own choices; autocast casts within the other.
        if not learns or not is_plain or torch.compiler.is_compiling() or _casts(input):
            return super()._conv_forward(input, weight, bias)
        return _Depthwise.apply(input, weight, bias)


def _casts(input: Tensor) -> bool:
    return torch.is_autocast_enabled(input.device.type)


def is_depthwise(conv: nn.Conv2d) -> bool:
    """Tell whether a convolution has one kernel a channel and pads with zeros to keep the size."""
    is_same = all(
        size % 2 and around == size // 2
        for size, around in zip(conv.kernel_size, conv.padding, strict=False)
    )
    is_plain = set(conv.stride) == set(conv.dilation) == {1} and conv.padding_mode == 'zeros'
    return 1 < conv.groups == conv.in_channels == conv.out_channels and is_same and is_plain


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = [size // 2 for size in weight.shape[2:]]
        return F.conv2d(x, weight, bias, padding=ctx.padding, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        to_x, to_weight, to_bias = ctx.needs_input_grad
        grad = grad.contiguous(memory_format=torch.channels_last)
        grad_x = None
        if to_x:
            sizes = [1, 1], ctx.padding, [1, 1], False, [0, 0], len(weight)
            mask = [True, False, False]
            grad_x = torch.ops.aten.convolution_backward(grad, x, weight, None, *sizes, mask)[0]
        return (
            grad_x,
            kernel_gradient(x, grad, ctx.padding) if to_weight else None,
            grad.sum((0, 2, 3)) if to_bias else None,
        )


def kernel_gradient(x: Tensor, grad: Tensor, padding: list[int]) -> Tensor:
    """Gradient ``(C, 1, k, k)`` of the kernels between ``x`` and a ``grad`` of ``(B, C, H, W)``.

    It is the correlation of the two, for which the gradient of some rows stands as a kernel as
    large as they are.
    """
    above, beside = padding
    x = F.pad(x.contiguous(memory_format=torch.channels_last), (0, 0, above, above))
    channels, height = grad.shape[1:3]
    rows = -(-height // -(-height // ROWS))
    parts = [
        F.conv2d(
            image[None, :, top : top + rows + 2 * above],
            of_image[:, None, top : top + rows],
            padding=(0, beside),
            groups=channels,
        )
        for image, of_image in zip(x, grad, strict=True)
        for top in range(0, height, rows)
    ]
    return torch.cat(parts).sum(0)[:, None]

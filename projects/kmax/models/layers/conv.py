"""Convolutions on cluster centres, and the one way in which feature maps are resized."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from mmcv.cnn import ConvModule, build_norm_layer
from torch import Tensor, nn

BN = dict(type='BN', eps=1e-3, momentum=0.01)
"""The original's batch norm: Keras' momentum 0.99 is PyTorch's 0.01."""


AlignCorners = bool | Literal['odd_width']
"""Whether resizing aligns corners; ``'odd_width'``: where the input's width is odd, as the port."""


def _of_centers(norm_cfg: dict) -> dict:
    """Config of the 1-D form of a norm that is named for feature maps."""
    is_2d = norm_cfg['type'] in ('BN', 'BN2d')
    return {**norm_cfg, 'type': 'BN1d'} if is_2d else norm_cfg


def start_silent(conv: ConvModule) -> ConvModule:
    """Start the norm of a residual branch's last convolution at 0; return the convolution."""
    nn.init.zeros_(conv.norm.weight)
    return conv


def norm_1d(norm_cfg: dict, channels: int) -> nn.Module:
    """Build a norm for centres ``(B, channels, N)``."""
    return build_norm_layer(_of_centers(norm_cfg), channels)[1]


class ConvBN1d(ConvModule):
    """1x1 convolution on centres ``(B, C, N)``, norm in its 1-D form and, with ``act``, GELU."""

    def __init__(self, in_channels: int, out_channels: int, norm_cfg: dict, act: bool) -> None:
        super().__init__(
            in_channels,
            out_channels,
            1,
            conv_cfg=dict(type='Conv1d'),
            norm_cfg=_of_centers(norm_cfg),
            act_cfg=dict(type='GELU') if act else None,
        )


def resize(x: Tensor, size: Sequence[int], align_corners: AlignCorners = True) -> Tensor:
    """Resize ``(B, C, h, w)`` bilinearly to ``size`` = ``(H, W)``.

    Raises:
        ValueError: If ``align_corners`` is neither a bool nor ``'odd_width'``.
    """
    if align_corners not in (True, False, 'odd_width'):
        raise ValueError(f"align_corners is {align_corners!r}, not True, False or 'odd_width'")
    if x.shape[-2:] == tuple(size):
        return x
    if align_corners == 'odd_width':
        # A bool also where torch traces sizes as tensors.
        align_corners = bool(x.shape[-1] % 2 == 1)
    return F.interpolate(x, size=tuple(size), mode='bilinear', align_corners=align_corners)

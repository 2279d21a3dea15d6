"""Residual blocks of the pixel decoder: axial attention at low, bottlenecks at high resolution.

Both activate their input first, the shortcut carries the activated input, and the sum is left to
the next consumer to activate.
"""

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from .axial_attention import AxialAttention
from .conv import start_silent

EXPANSION = 4
GELU = dict(type='GELU')


class _ResidualBlock(nn.Module):
    """Shortcut and last projection, which both kinds of block share."""

    def __init__(
        self, in_channels: int, mid_channels: int, out_channels: int, norm_cfg: dict
    ) -> None:
        super().__init__()
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = ConvModule(
                in_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None
            )
        self.conv3 = start_silent(
            ConvModule(mid_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None)
        )


class AxialBlock(_ResidualBlock):
    """1x1 convolution, attention along both axes, 1x1 convolution.

    Args:
        in_channels: Channels of the input.
        channels: Total key channels ``f``; the block is ``2f`` wide inside and ``4f`` outside.
        num_heads: Heads of the attention.
        norm_cfg: Config of the batch norms.
    """

    def __init__(self, *, in_channels: int, channels: int, num_heads: int, norm_cfg: dict) -> None:
        super().__init__(in_channels, 2 * channels, EXPANSION * channels, norm_cfg)
        self.conv1 = ConvModule(in_channels, 2 * channels, 1, norm_cfg=norm_cfg, act_cfg=GELU)
        self.attention = AxialAttention(channels=channels, num_heads=num_heads, norm_cfg=norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, 4 * channels, H, W)``."""
        x = F.gelu(x)
        out = F.gelu(self.attention(self.conv1(x)))
        return self.conv3(out) + self.shortcut(x)


class BottleneckBlock(_ResidualBlock):
    """1x1, dilated 3x3 and 1x1 convolution.

    Args:
        in_channels: Channels of the input.
        channels: Width ``f`` inside; the output has ``4f`` channels.
        dilation: Dilation of the 3x3 convolution.
        norm_cfg: Config of the batch norms.
    """

    def __init__(self, *, in_channels: int, channels: int, dilation: int, norm_cfg: dict) -> None:
        super().__init__(in_channels, channels, EXPANSION * channels, norm_cfg)
        self.conv1 = ConvModule(in_channels, channels, 1, norm_cfg=norm_cfg, act_cfg=GELU)
        self.conv2 = ConvModule(
            channels,
            channels,
            3,
            padding=dilation,
            dilation=dilation,
            norm_cfg=norm_cfg,
            act_cfg=GELU,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, 4 * channels, H, W)``."""
        x = F.gelu(x)
        return self.conv3(self.conv2(self.conv1(x))) + self.shortcut(x)

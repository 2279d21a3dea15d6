"""Residual blocks of the pixel decoder and the axial backbone: axial attention and bottlenecks.

Both activate their input first, the shortcut carries the activated input, and the sum is left to
the next consumer to activate.
"""

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from .axial_attention import AxialAttention
from .conv import start_silent
from .norm_gelu import ConvNormGELU

EXPANSION = 4


class _ResidualBlock(nn.Module):
    """Shortcut, last projection and drop path, which both kinds of block share."""

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        stride: int,
        drop_path_rate: float,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels or stride != 1:
            self.shortcut = ConvModule(
                in_channels, out_channels, 1, stride=stride, norm_cfg=norm_cfg, act_cfg=None
            )
        self.drop_path = DropPath(drop_path_rate)
        self.conv3 = start_silent(
            ConvModule(mid_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None)
        )


class AxialBlock(_ResidualBlock):
    """1x1 convolution, attention of ``num_heads`` along both axes, 1x1 convolution.

    ``channels`` are the total key channels f; the block is 2f wide inside and 4f outside.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        num_heads: int,
        stride: int = 1,
        drop_path_rate: float = 0.0,
        norm_cfg: dict,
    ) -> None:
        out_channels = EXPANSION * channels
        super().__init__(in_channels, 2 * channels, out_channels, stride, drop_path_rate, norm_cfg)
        self.conv1 = ConvNormGELU(in_channels, 2 * channels, 1, norm_cfg=norm_cfg)
        self.attention = AxialAttention(
            channels=channels, num_heads=num_heads, stride=stride, norm_cfg=norm_cfg
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, 4 * channels, H / stride, W / stride)``."""
        x = F.gelu(x)
        out = F.gelu(self.attention(self.conv1(x)))
        return self.drop_path(self.conv3(out)) + self.shortcut(x)


class BottleneckBlock(_ResidualBlock):
    """1x1, dilated 3x3 and 1x1 convolution; ``channels`` f inside, 4f outside."""

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        dilation: int = 1,
        stride: int = 1,
        drop_path_rate: float = 0.0,
        norm_cfg: dict,
    ) -> None:
        out_channels = EXPANSION * channels
        super().__init__(in_channels, channels, out_channels, stride, drop_path_rate, norm_cfg)
        self.conv1 = ConvNormGELU(in_channels, channels, 1, norm_cfg=norm_cfg)
        self.conv2 = ConvNormGELU(
            channels,
            channels,
            3,
            stride=stride,
            padding=dilation,
            dilation=dilation,
            norm_cfg=norm_cfg,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, 4 * channels, H / stride, W / stride)``."""
        x = F.gelu(x)
        return self.drop_path(self.conv3(self.conv2(self.conv1(x)))) + self.shortcut(x)

"""The pixel decoder: from strides 32, 16, 8 and 4 of the backbone to pixel features at each."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from torch import Tensor, nn

from ..runtime.values import check_counts, check_list
from .layers import (
    BN,
    AlignCorners,
    AxialBlock,
    BottleneckBlock,
    RecomputedSequential,
    float32_under_autocast,
    resize,
)
from .layers.blocks import EXPANSION


class _LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of ``(B, C, H, W)``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(float32_under_autocast(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Projection(ConvModule):
    """Activation, 1x1 convolution and batch norm."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.gelu(x))


class _SkipFusion(nn.Module):
    """Add the upsampled coarser features and a skip connection, each projected.

    What has the right number of channels already is taken as it is, not even activated.
    """

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        channels: int,
        align_corners: AlignCorners,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.top, self.skip = (
            nn.Identity()
            if width == channels
            else _Projection(width, channels, 1, norm_cfg=norm_cfg, act_cfg=None)
            for width in (in_channels, skip_channels)
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x, skip = self.top(x), self.skip(skip)
        return resize(x, skip.shape[-2:], self.align_corners) + skip


@MODELS.register_module()
class KMaXPixelDecoder(nn.Module):
    """Axial blocks at strides 32 and 16, bottleneck blocks above (kMaX-DeepLab, Sec. 3.3).

    Args:
        in_channels: Channels of the backbone's features, finest first.
        channels: Width of each stage's blocks, coarsest first; a stage's output has four times
            as many.
        num_blocks: Blocks of each stage.
        block_types: ``'axial'`` or ``'bottleneck'`` for each stage.
        num_heads: Heads of the axial attention.
        in_indices: Which of the backbone's features each stage takes, coarsest stage first; by
            default the coarsest ones in their order. The port's ResNet on Cityscapes ends with
            the stem before the first stage.
        dilation: Dilation of the bottlenecks' 3x3 convolution; 1 in the port.
        align_corners: Whether upsampling aligns corners; ``'odd_width'`` in the port.
        with_cp: Whether blocks are recomputed in the backward pass, to save memory.
        norm_cfg: Config of the batch norms.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        channels: Sequence[int] = (512, 256, 128, 64),
        num_blocks: Sequence[int] = (1, 5, 1, 1),
        block_types: Sequence[str] = ('axial', 'axial', 'bottleneck', 'bottleneck'),
        num_heads: int = 8,
        in_indices: Sequence[int] | None = None,
        dilation: int = 2,
        align_corners: AlignCorners = True,
        with_cp: bool = False,
        norm_cfg: dict = BN,
    ) -> None:
        super().__init__()
        owner = 'pixel_decoder'
        for name, value in dict(channels=channels, num_blocks=num_blocks).items():
            check_list(f'{owner}.{name}', value)
        check_counts(owner, in_channels=in_channels, channels=channels, num_blocks=num_blocks)
        check_counts(owner, num_heads=num_heads, dilation=dilation)
        num_stages = len(channels)
        if not len(num_blocks) == len(block_types) == num_stages:
            raise ValueError(
                f'channels {tuple(channels)}, num_blocks {tuple(num_blocks)} and block_types '
                f'{tuple(block_types)} must name the same number of stages'
            )
        if len(in_channels) < num_stages:
            raise ValueError(
                f'{num_stages} stages need as many features, but in_channels is {in_channels}'
            )
        last = len(in_channels) - 1
        self.in_indices = in_indices or range(last, last - num_stages, -1)
        if len(self.in_indices) != num_stages or not set(self.in_indices) <= set(range(last + 1)):
            raise ValueError(
                f'in_indices {in_indices} must name one of {last + 1} features for each of '
                f'{num_stages} stages'
            )
        skips = [in_channels[index] for index in self.in_indices]
        self.out_channels = [EXPANSION * width for width in channels]
        self.norms = nn.ModuleList(_LayerNorm2d(width, eps=1e-6) for width in skips)
        self.fusions = nn.ModuleList(
            _SkipFusion(
                self.out_channels[i], skips[i + 1], channels[i + 1], align_corners, norm_cfg
            )
            for i in range(num_stages - 1)
        )
        container = RecomputedSequential if with_cp else nn.Sequential
        self.stages = nn.ModuleList()
        for i in range(num_stages):
            width = skips[0] if i == 0 else channels[i]
            blocks = []
            for _ in range(num_blocks[i]):
                blocks.append(
                    _build_block(block_types[i], width, channels[i], num_heads, dilation, norm_cfg)
                )
                width = self.out_channels[i]
            self.stages.append(container(*blocks))

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Decode the backbone's features.

        Args:
            feats: Backbone features ``(B, C, h, w)``, finest first.

        Returns:
            Features of every stage, coarsest first, not activated.
        """
        skips = [feats[index] for index in self.in_indices]
        outputs = [self.stages[0](self.norms[0](skips[0]))]
        for i, fusion in enumerate(self.fusions, start=1):
            outputs.append(self.stages[i](fusion(outputs[-1], self.norms[i](skips[i]))))
        return outputs


def _build_block(
    block_type: str, in_channels: int, channels: int, num_heads: int, dilation: int, norm_cfg: dict
) -> nn.Module:
    if block_type == 'axial':
        return AxialBlock(
            in_channels=in_channels, channels=channels, num_heads=num_heads, norm_cfg=norm_cfg
        )
    if block_type == 'bottleneck':
        return BottleneckBlock(
            in_channels=in_channels, channels=channels, dilation=dilation, norm_cfg=norm_cfg
        )
    raise ValueError(f"block type '{block_type}' is neither 'axial' nor 'bottleneck'")

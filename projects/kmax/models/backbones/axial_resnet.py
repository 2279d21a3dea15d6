"""MaX-S: a ResNet-50 with GELU whose last stages attend along the axes instead of convolving."""

from collections.abc import Sequence
from typing import Any

from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...runtime.values import check_counts, check_number
from ..layers import BN, AxialBlock, BottleneckBlock, ConvNormGELU, RecomputedSequential
from ..layers.blocks import EXPANSION

DROP_FROM = 3
"""Blocks on coarser maps than stride 8 are dropped; counted in halvings after the stem's."""


@MODELS.register_module()
class AxialResNet(BaseModule):
    """Axial-ResNet-50 with GELU and an inception stem (MaX-DeepLab, Wang et al., 2021, Sec. 4).

    Every stage halves the size in its first block. Outputs are not activated. Images of any size
    work: positions further apart than the attention's tables reach (254 places, 4064 pixels at
    stride 16) share the outermost embedding.

    Args:
        stem_channels: Channels of the stem's three convolutions.
        channels: Width of each stage's blocks; a stage's output has four times as many.
        num_blocks: Blocks of each stage.
        num_axial: How many of each stage's blocks are axial: the last ones. The others are
            bottlenecks.
        num_heads: Heads of the axial attention.
        drop_path_rate: Chance to drop the residual branch of the blocks on the coarsest map;
            on finer maps it is less in proportion to their number of halvings, and none on strides
            up to 8.
        with_cp: Whether blocks are recomputed in the backward pass, to save memory.
        frozen_stages: How many stages keep their weights and statistics, after the stem, which 0
            freezes alone; -1 freezes nothing.
        norm_eval: Whether all batch norms keep their statistics in training.
        norm_cfg: Config of the batch norms.
        init_cfg: Checkpoint to start from; by default the original's initial weights.

    Raises:
        ValueError: If the stages' numbers do not fit together.
    """

    def __init__(
        self,
        *,
        stem_channels: Sequence[int] = (64, 64, 128),
        channels: Sequence[int] = (64, 128, 256, 512),
        num_blocks: Sequence[int] = (3, 4, 6, 3),
        num_axial: Sequence[int] = (0, 0, 5, 3),
        num_heads: int = 8,
        drop_path_rate: float = 0.2,
        with_cp: bool = False,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        norm_cfg: dict = BN,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='KerasInit'))
        owner = 'AxialResNet'
        check_number(f'{owner}.frozen_stages', frozen_stages, -1, len(num_blocks), whole=True)
        check_counts(owner, stem_channels=stem_channels, channels=channels, num_heads=num_heads)
        check_counts(owner, 0, num_blocks=num_blocks, num_axial=num_axial)
        check_number(f'{owner}.drop_path_rate', drop_path_rate, 0, 1)
        _check_stages(stem_channels, channels, num_blocks, num_axial)
        self.stem = _build_stem(stem_channels, norm_cfg)
        container = RecomputedSequential if with_cp else nn.Sequential
        self.stages = nn.ModuleList()
        width = stem_channels[-1]
        for stage, (channel, count, axial) in enumerate(
            zip(channels, num_blocks, num_axial, strict=True)
        ):
            blocks: list[nn.Module] = []
            for i in range(count):
                halvings = stage + (i > 0)
                drop = drop_path_rate * halvings / len(channels) if halvings >= DROP_FROM else 0.0
                cfg: dict[str, Any] = dict(
                    in_channels=width,
                    channels=channel,
                    stride=2 if i == 0 else 1,
                    drop_path_rate=drop,
                    norm_cfg=norm_cfg,
                )
                if i < count - axial:
                    blocks.append(BottleneckBlock(**cfg))
                else:
                    blocks.append(AxialBlock(num_heads=num_heads, **cfg))
                width = EXPANSION * channel
            self.stages.append(container(*blocks))
        self._frozen = [self.stem, *self.stages][: frozen_stages + 1]
        self._norm_eval = norm_eval
        for part in self._frozen:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> 'AxialResNet':
        """Set the mode of all but frozen parts, and of norms if they keep their statistics."""
        super().train(mode)
        norms = [norm for norm in self.modules() if isinstance(norm, _BatchNorm)]
        for part in [*self._frozen, *(norms if self._norm_eval else [])]:
            part.eval()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return features of ``(B, 3, H, W)`` at strides 2 (stem), 4, 8, 16 and 32."""
        outs = [self.stem(x)]
        for stage in self.stages:
            outs.append(stage(outs[-1]))
        return tuple(outs)


def _build_stem(channels: Sequence[int], norm_cfg: dict) -> nn.Sequential:
    first, second, last = channels
    return nn.Sequential(
        ConvNormGELU(3, first, 3, stride=2, padding=1, norm_cfg=norm_cfg),
        ConvNormGELU(first, second, 3, padding=1, norm_cfg=norm_cfg),
        ConvModule(second, last, 3, padding=1, norm_cfg=norm_cfg, act_cfg=None),
    )


def _check_stages(
    stem_channels: Sequence[int],
    channels: Sequence[int],
    num_blocks: Sequence[int],
    num_axial: Sequence[int],
) -> None:
    if len(stem_channels) != 3:
        raise ValueError(f'stem_channels {tuple(stem_channels)} must name three convolutions')
    if not len(channels) == len(num_blocks) == len(num_axial):
        raise ValueError(
            f'channels {tuple(channels)}, num_blocks {tuple(num_blocks)} and num_axial '
            f'{tuple(num_axial)} must name the same number of stages'
        )
    for count, axial in zip(num_blocks, num_axial, strict=True):
        if count < 1 or not 0 <= axial <= count:
            raise ValueError(
                f'every stage needs a block, and no more axial ones than blocks, but num_blocks is '
                f'{tuple(num_blocks)} and num_axial {tuple(num_axial)}'
            )

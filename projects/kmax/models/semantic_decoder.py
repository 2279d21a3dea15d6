"""The auxiliary semantic decoder, which trains the backbone and is idle otherwise."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
import torch.nn.functional as F
from mmdet.registry import MODELS
from torch import Tensor, nn

from ..runtime.values import check_counts, check_list, check_number
from .layers import (
    BN,
    AlignCorners,
    ConvNormGELU,
    DepthwiseSeparableConv,
    recompute,
    resize,
)
from .predictor import DepthwiseHead


class _PooledConvNormGELU(ConvNormGELU):
    """Convolution of a globally pooled map.

    A batch norm cannot train on the single value per channel that one image leaves. With one
    image over all processes together this one uses its running statistics instead.
    """

    def forward(self, x: Tensor) -> Tensor:
        values = x.shape[0]
        if isinstance(self.norm, nn.SyncBatchNorm) and dist.is_initialized():
            values *= dist.get_world_size()
        self.norm.train(self.training and values > 1)
        return super().forward(x.mean(dim=(2, 3), keepdim=True))


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling (DeepLabv3, Chen et al., 2017, Sec. 3.3).

    Every branch, and the output, has ``channels``; ``rates`` are the dilations of the 3x3 branches.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        rates: Sequence[int],
        dropout: float,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.point = ConvNormGELU(in_channels, channels, 1, norm_cfg=norm_cfg)
        self.atrous = nn.ModuleList(
            ConvNormGELU(in_channels, channels, 3, padding=rate, dilation=rate, norm_cfg=norm_cfg)
            for rate in rates
        )
        self.pool = _PooledConvNormGELU(in_channels, channels, 1, norm_cfg=norm_cfg)
        self.proj = ConvNormGELU((len(rates) + 2) * channels, channels, 1, norm_cfg=norm_cfg)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, h, w)`` to ``(B, channels, h, w)``."""
        branches = [self.point(x), *(branch(x) for branch in self.atrous)]
        branches.append(self.pool(x).expand_as(branches[0]))
        return self.dropout(self.proj(torch.cat(branches, dim=1)))


@MODELS.register_module()
class KMaXSemanticDecoder(nn.Module):
    """Panoptic-DeepLab's semantic decoder on the backbone's features (Sec. 4.1, auxiliary loss).

    Args:
        num_classes: Channels of the output.
        in_channels: Channels of the backbone's features, finest first.
        channels: Width of the decoder.
        low_level_channels: Widths to which strides 8 and 4 are projected.
        rates: Dilations of the ASPP.
        dropout: Dropout after the ASPP.
        act: Activation of the low-level features: that of the backbone, or None where they are
            taken as they are, as the port does with ConvNeXt.
        align_corners: Whether upsampling aligns corners; ``'odd_width'`` in the port.
        with_cp: Whether all is recomputed in the backward pass, to save memory.
        norm_cfg: Config of the batch norms.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: Sequence[int],
        channels: int = 256,
        low_level_channels: Sequence[int] = (64, 32),
        rates: Sequence[int] = (6, 12, 18),
        dropout: float = 0.1,
        act: str | None = 'relu',
        align_corners: AlignCorners = True,
        with_cp: bool = False,
        norm_cfg: dict = BN,
    ) -> None:
        super().__init__()
        for name, value in dict(low_level_channels=low_level_channels, rates=rates).items():
            check_list(f'semantic_decoder.{name}', value)
        check_counts(
            'semantic_decoder',
            num_classes=num_classes,
            channels=channels,
            low_level_channels=low_level_channels,
            rates=rates,
        )
        check_number('semantic_decoder.dropout', dropout, 0, 1)
        self.act = nn.Identity() if act is None else getattr(F, act)
        self.align_corners = align_corners
        self.with_cp = with_cp
        self.aspp = ASPP(in_channels[-1], channels, rates, dropout, norm_cfg)
        widths = in_channels[-3], in_channels[-4]
        self.low_level = nn.ModuleList(
            ConvNormGELU(width, low, 1, norm_cfg=norm_cfg)
            for width, low in zip(widths, low_level_channels, strict=True)
        )
        self.fusions = nn.ModuleList(
            DepthwiseSeparableConv(channels + low, channels, 5, norm_cfg)
            for low in low_level_channels
        )
        self.head = DepthwiseHead(channels, channels, num_classes, norm_cfg)

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Return logits ``(B, num_classes, h, w)`` at stride 4 of the backbone's ``feats``."""
        return recompute(self._decode, feats) if self.with_cp else self._decode(feats)

    def _decode(self, feats: Sequence[Tensor]) -> Tensor:
        x = self.aspp(feats[-1])
        for low_level, fusion, feat in zip(
            self.low_level, self.fusions, (feats[-3], feats[-4]), strict=True
        ):
            low = low_level(self.act(feat))
            x = resize(x, low.shape[-2:], self.align_corners)
            x = fusion(torch.cat([x, low], dim=1))
        return self.head(x)


@MODELS.register_module()
class KMaXSemanticHead(nn.Module):
    """A head directly on stride 32, which the original uses on Cityscapes.

    Args:
        in_channels: Channels of the backbone's features, finest first.
        num_classes: Channels of the output.
        channels: Width of the head.
        norm_cfg: Config of the batch norms.
    """

    def __init__(
        self, in_channels: Sequence[int], num_classes: int, channels: int = 256, norm_cfg: dict = BN
    ) -> None:
        super().__init__()
        self.head = DepthwiseHead(in_channels[-1], channels, num_classes, norm_cfg)

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Return logits ``(B, num_classes, h, w)`` at stride 32 of the backbone's ``feats``."""
        return self.head(feats[-1])

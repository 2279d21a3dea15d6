"""The predictor: masks and classes from pixel features and cluster centres."""

import math

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn

from .layers import ConvBN1d, DepthwiseSeparableConv, float32_under_autocast, mark_std
from .layers.folding import Shift, affine, scale_outputs
from .structures import KMaXPrediction

FOREGROUND_PRIOR = 0.1


class DepthwiseHead(nn.Module):
    """Depthwise 5x5 and pointwise convolution to ``channels``, then a 1x1 convolution with bias."""

    def __init__(self, in_channels: int, channels: int, out_channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.conv = DepthwiseSeparableConv(in_channels, channels, 5, norm_cfg)
        self.final = nn.Conv2d(channels, out_channels, 1)
        mark_std(self.final, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, h, w)`` to ``(B, out_channels, h, w)``."""
        return self.final(self.conv(x))


class Predictor(nn.Module):
    """Mask and class logits of every query (kMaX-DeepLab, Sec. 3.2 and Fig. 2).

    Pixels and centres meet in a space of ``mask_channels``; ``num_classes`` are those without void,
    and pixel features are divided by their norm, or ``norm_eps`` if that is more.
    """

    def __init__(
        self,
        *,
        pixel_channels: int,
        embed_dims: int,
        mask_channels: int,
        num_classes: int,
        norm_eps: float,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.norm_eps = norm_eps
        self.pixel_head = DepthwiseHead(pixel_channels, embed_dims, mask_channels, norm_cfg)
        self.pixel_bn = build_norm_layer(norm_cfg, mask_channels)[1]
        self.mask_head = ConvBN1d(embed_dims, mask_channels, norm_cfg, act=False)
        self.mask_bn = build_norm_layer(norm_cfg, 1)[1]
        nn.init.constant_(self.mask_bn.weight, 0.1)
        self.class_head = nn.Conv1d(embed_dims, num_classes + 1, 1)
        mark_std(self.class_head, 0.01)
        # Most queries are void: start there, without touching the learnt bias.
        prior = torch.zeros(num_classes + 1)
        prior[-1] = math.log(num_classes * (1 - FOREGROUND_PRIOR) / FOREGROUND_PRIOR)
        self.register_buffer('void_prior', prior, persistent=False)

    def masks(self, pixels: Tensor, mask_feature: Tensor) -> tuple[Tensor, Tensor]:
        """Compute mask logits ``(B, N, h, w)`` and L2-normalised pixel features ``(B, D, h, w)``.

        ``pixels`` are ``(B, pixel_channels, h, w)``, ``mask_feature`` ``(B, embed_dims, N)``.
        """
        feature = float32_under_autocast(self.pixel_bn(self.pixel_head(pixels)))
        kernel = float32_under_autocast(self.mask_head(mask_feature))
        # Rounded logits tie: the assignment of a pixel is decided in full precision.
        with torch.autocast(pixels.device.type, enabled=False):
            feature = F.normalize(feature, dim=1, eps=self.norm_eps)
            batch, _, height, width = feature.shape
            logits = kernel.transpose(1, 2) @ feature.flatten(2)
            logits = self.mask_bn(logits[:, None])
        return logits.view(batch, -1, height, width), feature

    def folded(self) -> 'Predictor':
        """Fold its norms in place, for inference: the pixels' and the masks' follow no convolution.

        The factor of the masks' norm goes to the kernels; its summand stays.
        """
        scale_outputs(self.pixel_head.final, *affine(self.pixel_bn))
        self.pixel_bn = nn.Identity()
        scale, shift = affine(self.mask_bn)
        of_kernels = scale.expand(len(self.mask_head.conv.weight))
        scale_outputs(self.mask_head.conv, of_kernels, torch.zeros_like(of_kernels))
        self.mask_bn = Shift(shift)
        return self

    def classes(self, class_feature: Tensor) -> Tensor:
        """Return class logits ``(B, N, num_classes + 1)`` of ``(B, embed_dims, N)``."""
        return self.class_head(class_feature).transpose(1, 2) + self.void_prior

    def forward(
        self, pixels: Tensor, class_feature: Tensor, mask_feature: Tensor
    ) -> KMaXPrediction:
        """Predict classes and masks; see :meth:`classes` and :meth:`masks`."""
        mask_logits, feature = self.masks(pixels, mask_feature)
        return KMaXPrediction(self.classes(class_feature), mask_logits, feature)

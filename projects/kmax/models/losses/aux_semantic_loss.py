"""Auxiliary semantic segmentation loss."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from torch import Tensor, nn

from ..structures import KMaXTargets
from .ground_truth import subsample
from .reduction import mean_over_nonzero
from .sampling import gumbel_noise, sample_pixels, sampling_logits

IGNORE = -100


@MODELS.register_module()
class AuxSemanticLoss(nn.Module):
    """Weighted cross-entropy of each pixel's class (kMaX-DeepLab, section 4.1).

    Args:
        loss_weight: Weight of the loss.
        top_k: Share of the hardest pixels that count.
        num_samples: Pixels sampled per image, small masks first; 0 takes all.
        sample_temperature: How strongly sampling prefers small masks.
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        top_k: float = 1.0,
        num_samples: int = 0,
        sample_temperature: float = 2.0,
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.top_k = top_k
        self.num_samples = num_samples
        self.sample_temperature = sample_temperature

    def forward(
        self,
        semantic_logits: Tensor,
        targets: Sequence[KMaXTargets],
        pixel_area: Tensor,
        unsampled: Tensor,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Return the mean loss of the batch.

        Args:
            semantic_logits: ``(B, C, h', w')``.
            targets: Ground truth of each image.
            pixel_area: ``(B, h, w)`` area of the mask each pixel belongs to; used to sample.
            unsampled: ``(B, h, w)`` bool, True for pixels to sample only where others run out.
            noise: ``(B, h' * w')`` Gumbel draws; drawn here by default.
        """
        size = semantic_logits.shape[-2:]
        semantic = torch.stack([subsample(t.semantic, size).flatten() for t in targets])
        void = torch.stack([subsample(t.void, size).flatten() for t in targets])
        weight = torch.stack([subsample(t.weight, size).flatten() for t in targets])
        semantic = semantic.masked_fill(void, IGNORE)
        logits = semantic_logits.flatten(2)
        if self.num_samples > 0:
            area = subsample(pixel_area, size).flatten(1)
            if noise is None:
                noise = gumbel_noise(tuple(area.shape), area)
            last = subsample(unsampled, size).flatten(1)
            preference = sampling_logits(area, last, self.sample_temperature)
            pixels = sample_pixels(preference, noise.to(preference), self.num_samples)
            logits = logits.gather(2, pixels[:, None].expand(-1, logits.shape[1], -1))
            semantic, weight = semantic.gather(1, pixels), weight.gather(1, pixels)
        losses = F.cross_entropy(logits, semantic, ignore_index=IGNORE, reduction='none')
        losses = losses * weight.to(losses)
        if self.top_k < 1:
            losses = losses.topk(max(1, round(self.top_k * losses.shape[1]))).values
        return self.loss_weight * mean_over_nonzero(losses).mean()

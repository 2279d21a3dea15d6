"""Auxiliary semantic segmentation loss."""

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from torch import Tensor

from ...runtime.values import check_counts, check_number
from ..structures import KMaXOutput, KMaXPrediction
from .ground_truth import subsample
from .interface import KMaXLoss, LossInputs
from .reduction import mean_over_nonzero
from .sampling import sample_pixels, sampling_logits


@MODELS.register_module()
class AuxSemanticLoss(KMaXLoss):
    """Weighted cross-entropy of each pixel's class (kMaX-DeepLab, section 4.1).

    It applies to the final prediction of a head that has a semantic decoder.

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
        super().__init__(loss_weight)
        check_number('AuxSemanticLoss.top_k', top_k, above=0, most=1)
        check_counts('AuxSemanticLoss', 0, num_samples=num_samples)
        check_number('AuxSemanticLoss.sample_temperature', sample_temperature, above=0)
        self.top_k = top_k
        self.num_samples = num_samples
        self.sample_temperature = sample_temperature

    def applies_to(self, prediction: KMaXPrediction) -> bool:
        """Tell whether there are semantic logits, which auxiliary predictions have not."""
        return isinstance(prediction, KMaXOutput) and prediction.semantic_logits is not None

    def noise_length(self, prediction: KMaXPrediction, size: tuple[int, int]) -> int:
        """Return the number of pixels of the semantic logits if it samples from them."""
        assert isinstance(prediction, KMaXOutput) and prediction.semantic_logits is not None
        return prediction.semantic_logits.shape[-2:].numel() if self.num_samples > 0 else 0

    def forward(self, inputs: LossInputs) -> Tensor:
        """Return the mean over the batch of that over the pixels whose loss is not zero."""
        assert inputs.semantic_logits is not None
        size = inputs.semantic_logits.shape[-2:]
        semantic, void, weight = (
            torch.stack([subsample(getattr(t, name), size).flatten() for t in inputs.targets])
            for name in ('semantic', 'void', 'weight')
        )
        logits = inputs.semantic_logits.flatten(2)
        ignored = logits.shape[1]  # follows the last channel, of however many classes
        semantic = semantic.masked_fill(void, ignored)
        if inputs.noise is not None:
            pixels = self._sample(inputs, size, inputs.noise)
            logits = logits.gather(2, pixels[:, None].expand(-1, logits.shape[1], -1))
            semantic, weight = semantic.gather(1, pixels), weight.gather(1, pixels)
        losses = F.cross_entropy(logits, semantic, ignore_index=ignored, reduction='none')
        losses = losses * weight.to(losses)
        if self.top_k < 1:
            losses = losses.topk(max(1, round(self.top_k * losses.shape[1]))).values
        return self.loss_weight * mean_over_nonzero(losses).mean()

    def _sample(self, inputs: LossInputs, size: torch.Size, noise: Tensor) -> Tensor:
        """Pixels ``(B, num_samples)`` of the semantic logits, void only where others run out."""
        area, void = (
            subsample(grid.unflatten(1, inputs.size), size).flatten(1)
            for grid in (inputs.masks.pixel_area, inputs.masks.void)
        )
        preference = sampling_logits(area, void, self.sample_temperature)
        return sample_pixels(preference, noise.to(preference), self.num_samples)

"""Mask-id cross-entropy."""

import torch
from mmdet.registry import MODELS
from torch import Tensor

from .interface import KMaXLoss, LossInputs


@MODELS.register_module()
class MaskIDLoss(KMaXLoss):
    """Cross-entropy of each pixel's query (MaX-DeepLab, arXiv 2012.00759, section 3.4).

    The mean runs over the pixels whose loss is not zero. A labelled pixel without a mask (a thing
    beyond the limit) adds no loss, but its logits are pushed down together, as the original does.

    Args:
        loss_weight: Weight of the loss.
    """

    def __init__(self, loss_weight: float = 0.3) -> None:
        super().__init__(loss_weight)

    def forward(self, inputs: LossInputs) -> Tensor:
        """Return the mean loss of the batch."""
        softmax, has_query, void = inputs.softmax, inputs.matches.has_query, inputs.masks.void
        losses = softmax.log_normalizer - softmax.own_logit
        counted = (has_query & ~void & (losses.detach() != 0)).to(losses)
        without_mask = ~has_query & ~void
        push = (softmax.log_normalizer - softmax.log_normalizer.detach()) * without_mask
        count = counted.sum(1)
        total = torch.where(counted.bool(), losses, push).sum(1)
        return self.loss_weight * (total * (count > 0) / count.clamp(min=1)).mean()

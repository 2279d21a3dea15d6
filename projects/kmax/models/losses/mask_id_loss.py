"""Mask-id cross-entropy."""

import torch
from mmdet.registry import MODELS
from torch import Tensor, nn

from .ground_truth import MaskTargets, MatchedTargets
from .pixel_softmax import PixelSoftmax


@MODELS.register_module()
class MaskIDLoss(nn.Module):
    """Cross-entropy of each pixel's query (MaX-DeepLab, arXiv 2012.00759, section 3.4).

    The mean runs over the pixels whose loss is not zero. A labelled pixel without a mask (a thing
    beyond the limit) adds no loss, but its logits are pushed down together, as the original does.

    Args:
        loss_weight: Weight of the loss.
    """

    def __init__(self, loss_weight: float = 0.3) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, softmax: PixelSoftmax, targets: MatchedTargets, masks: MaskTargets) -> Tensor:
        """Return the mean loss of the batch.

        Args:
            softmax: Reductions of the mask logits.
            targets: What the queries were matched to.
            masks: Masks of the batch.
        """
        losses = softmax.log_normalizer - softmax.own_logit
        counted = (targets.has_query & ~masks.void & (losses.detach() != 0)).to(losses)
        without_mask = ~targets.has_query & ~masks.void
        push = (softmax.log_normalizer - softmax.log_normalizer.detach()) * without_mask
        count = counted.sum(1)
        total = torch.where(counted.bool(), losses, push).sum(1)
        return self.loss_weight * (total * (count > 0) / count.clamp(min=1)).mean()

"""Mask term of the PQ-style loss."""

import torch
from mmdet.registry import MODELS
from torch import Tensor

from ...runtime.values import check_number
from .interface import KMaXLoss, LossInputs
from .pixel_softmax import pixel_softmax


@MODELS.register_module()
class PQStyleDiceLoss(KMaXLoss):
    """Dice loss of each matched query, weighted by the probability of its class.

    The PQ-style loss of MaX-DeepLab (arXiv 2012.00759), section 3.2; the sum over the matched
    queries is divided by the number of all queries.

    Args:
        loss_weight: Weight of the loss.
        alpha: Share of the matched queries, as in :class:`PQStyleClassLoss`.
        mask_void: Whether only pixels inside ground-truth masks count in a query's mask.
    """

    def __init__(
        self, loss_weight: float = 3.0, alpha: float = 0.75, mask_void: bool = True
    ) -> None:
        super().__init__(loss_weight)
        check_number('PQStyleDiceLoss.alpha', alpha, 0, 1)
        self.alpha = alpha
        self.mask_void = mask_void

    def forward(self, inputs: LossInputs) -> Tensor:
        """Return the mean loss of the batch."""
        softmax, matches = inputs.softmax, inputs.matches
        if not self.mask_void:
            everywhere = torch.ones_like(inputs.masks.inside)
            softmax = pixel_softmax(inputs.mask_logits, matches, everywhere)
        dice = (2 * softmax.overlap + 1) / (softmax.mass + matches.area + 1)
        total = ((1 - dice) * matches.mask_weight).sum(1)
        return self.loss_weight * self.alpha / softmax.mass.shape[1] * total.mean()

"""Class term of the PQ-style loss."""

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from torch import Tensor

from ...runtime.values import check_number
from .interface import KMaXLoss, LossInputs
from .reduction import mean_over_nonzero


@MODELS.register_module()
class PQStyleClassLoss(KMaXLoss):
    """Cross-entropy of each query's class, weighted by the quality of its mask.

    The PQ-style loss of MaX-DeepLab (arXiv 2012.00759), section 3.2: matched queries weigh
    ``alpha`` times their dice, the others ``1 - alpha`` times their share of void pixels.

    Args:
        loss_weight: Weight of the loss.
        alpha: Share of the matched queries.
    """

    def __init__(self, loss_weight: float = 3.0, alpha: float = 0.75) -> None:
        super().__init__(loss_weight)
        check_number('PQStyleClassLoss.alpha', alpha, 0, 1)
        self.alpha = alpha

    def forward(self, inputs: LossInputs) -> Tensor:
        """Return the mean loss of the batch."""
        matches = inputs.matches
        logits = inputs.cls_logits.transpose(1, 2)
        losses = F.cross_entropy(logits, matches.labels, reduction='none')
        weight = torch.where(
            matches.matched,
            self.alpha * matches.cls_weight,
            (1 - self.alpha) * matches.cls_weight,
        )
        return self.loss_weight * mean_over_nonzero(losses * weight).mean()

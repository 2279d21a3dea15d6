"""Class term of the PQ-style loss."""

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from torch import Tensor, nn

from .ground_truth import MatchedTargets
from .reduction import mean_over_nonzero


@MODELS.register_module()
class PQStyleClassLoss(nn.Module):
    """Cross-entropy of each query's class, weighted by the quality of its mask.

    The PQ-style loss of MaX-DeepLab (arXiv 2012.00759), section 3.2: matched queries weigh
    ``alpha`` times their dice, the others ``1 - alpha`` times their share of void pixels.

    Args:
        loss_weight: Weight of the loss.
        alpha: Share of the matched queries.
    """

    def __init__(self, loss_weight: float = 3.0, alpha: float = 0.75) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.alpha = alpha

    def forward(self, cls_logits: Tensor, targets: MatchedTargets) -> Tensor:
        """Return the mean loss of the batch.

        Args:
            cls_logits: ``(B, N, K + 1)``.
            targets: What the queries were matched to.
        """
        losses = F.cross_entropy(cls_logits.transpose(1, 2), targets.labels, reduction='none')
        weight = torch.where(
            targets.matched,
            self.alpha * targets.cls_weight,
            (1 - self.alpha) * targets.cls_weight,
        )
        return self.loss_weight * mean_over_nonzero(losses * weight).mean()

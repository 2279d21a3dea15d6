"""Figures that show how training goes, none of which waits for the device."""

import torch
from torch import Tensor

from .ground_truth import MaskTargets, MatchedTargets
from .pixel_softmax import PixelSoftmax


@torch.no_grad()
def pixel_accuracy(softmax: PixelSoftmax, matched: MatchedTargets, masks: MaskTargets) -> Tensor:
    """Share of the pixels in matched masks that the k-means assignment gives to the mask's query.

    Args:
        softmax: Reductions of a prediction's mask logits.
        matched: What the queries were matched to.
        masks: Masks of the batch.
    """
    pixels = matched.has_query & ~masks.void
    hits = pixels & (softmax.own_logit >= softmax.highest)
    return hits.sum() / pixels.sum().clamp(min=1)


@torch.no_grad()
def query_statistics(cls_logits: Tensor, matched: MatchedTargets) -> dict[str, Tensor]:
    """What became of the queries.

    Args:
        cls_logits: ``(B, N, K + 1)`` of the final prediction.
        matched: What the queries were matched to.

    Returns:
        ``matched``, the number of matched queries per image; ``class_accuracy``, the share of them
        whose most likely class is the mask's; ``void_share``, the share of all queries whose most
        likely class is void.
    """
    classes = cls_logits.argmax(-1)
    right = matched.matched & (classes == matched.labels)
    return dict(
        matched=matched.matched.sum(1).float().mean(),
        class_accuracy=right.sum() / matched.matched.sum().clamp(min=1),
        void_share=(classes == cls_logits.shape[-1] - 1).float().mean(),
    )

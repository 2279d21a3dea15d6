"""Figures that show how training goes, none of which waits for the device."""

import torch
from torch import Tensor

from .interface import LossInputs


@torch.no_grad()
def pixel_accuracy(inputs: LossInputs) -> Tensor:
    """Share of the pixels in matched masks that are assigned to the mask's query."""
    pixels = inputs.matches.has_query & ~inputs.masks.void
    hits = pixels & (inputs.softmax.own_logit >= inputs.softmax.highest)
    return hits.sum() / pixels.sum().clamp(min=1)


@torch.no_grad()
def query_statistics(inputs: LossInputs) -> dict[str, Tensor]:
    """What became of the queries of a prediction.

    Returns:
        ``matched``, the number of matched queries per image; ``class_accuracy``, the share of them
        whose most likely class is the mask's; ``void_share``, the share of all queries whose most
        likely class is void.
    """
    cls_logits, matches = inputs.cls_logits, inputs.matches
    classes = cls_logits.argmax(-1)
    right = matches.matched & (classes == matches.labels)
    return dict(
        matched=matches.matched.sum(1).float().mean(),
        class_accuracy=right.sum() / matches.matched.sum().clamp(min=1),
        void_share=(classes == cls_logits.shape[-1] - 1).float().mean(),
    )

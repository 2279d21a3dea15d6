"""What tells the outputs of two contestants apart."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from .contestant import Contestant

MAX_SHARE = 1e-3
"""Pixels that may differ: those at which two queries tie but for rounding."""


@dataclass(frozen=True)
class Difference:
    """How far the outputs of one contestant are from those of another with the same weights.

    Attributes:
        logits: Largest difference of mask logits, in standard deviations of them.
        assignments: Share of pixels assigned to another query.
        maps: Share of pixels with another value in the panoptic maps.
        loss: Relative difference of the sum of losses of a training step, without chance.
        gradient: That of the norm of its gradients.
    """

    logits: float
    assignments: float
    maps: float
    loss: float = 0.0
    gradient: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether no more differs than rounding explains."""
        return max(self.assignments, self.maps, self.loss, self.gradient) <= MAX_SHARE

    def summary(self) -> dict[str, float]:
        """Return the figures of a report."""
        return asdict(self)


def compare(one: Contestant, other: Contestant) -> Difference | None:
    """Compare predictions; None where the two are not the same network with the same weights."""
    if one.identity != other.identity or not hasattr(one.model, 'panoptic_head'):
        return None
    in_training = {}
    if one.conditions.train:
        ours, others = one.loss_and_gradient(), other.loss_and_gradient()
        relative = [_relative(*pair) for pair in zip(ours, others, strict=True)]
        in_training = dict(zip(('loss', 'gradient'), relative, strict=True))
        one.model.eval(), other.model.eval()
    masks = [_mask_logits(contestant.logits()) for contestant in (one, other)]
    maps = [torch.cat([m.flatten() for m in c.own_maps()]) for c in (one, other)]
    if one.conditions.train:
        one.model.train(), other.model.train()
    return Difference(
        **in_training,
        logits=((masks[0] - masks[1]).abs().max() / masks[1].std()).item(),
        assignments=_share(*(mask.argmax(1) for mask in masks)),
        maps=_share(*maps),
    )


def _relative(one: float, other: float) -> float:
    return abs(one - other) / abs(other)


def _mask_logits(output: Any) -> Tensor:
    return output[1].float()


def _share(one: Tensor, other: Tensor) -> float:
    return (one != other).float().mean().item()

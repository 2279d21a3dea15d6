"""Softmax of the mask logits over the queries, reduced to what the mask losses need."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .ground_truth import Matches


class PixelSoftmax(NamedTuple):
    """Reductions of ``P = softmax(mask_logits)`` over the queries.

    Attributes:
        own_logit: ``(B, L)`` logit of each pixel's target query.
        highest: ``(B, L)`` greatest logit, without gradient.
        log_normalizer: ``(B, L)`` log of the sum of the exponentials of all queries.
        mass: ``(B, N)`` sum of P over the pixels inside a ground-truth mask.
        overlap: ``(B, N)`` sum of P over the pixels of the query's own mask.
    """

    own_logit: Tensor
    highest: Tensor
    log_normalizer: Tensor
    mass: Tensor
    overlap: Tensor


def pixel_softmax(mask_logits: Tensor, matches: Matches, inside: Tensor) -> PixelSoftmax:
    """Reduce the mask logits, keeping one array of their size for the backward pass.

    Args:
        mask_logits: ``(B, N, L)``.
        matches: What the queries were matched to.
        inside: ``(B, L)`` true for the pixels that count in ``mass``.
    """
    inside = inside.to(mask_logits)
    if matches.shares is not None:
        return _pixel_softmax_of_shares(mask_logits, matches.shares, inside)
    own_logit, highest, log_normalizer, mass = _PixelSoftmax.apply(
        mask_logits, matches.query, inside
    )
    own_prob = (own_logit - log_normalizer).exp() * matches.has_query
    overlap = torch.zeros_like(mass).scatter_add(1, matches.query, own_prob)
    return PixelSoftmax(own_logit, highest, log_normalizer, mass, overlap)


def _pixel_softmax_of_shares(logits: Tensor, shares: Tensor, inside: Tensor) -> PixelSoftmax:
    """The same where masks overlap, by autograd: rare, so not fast."""
    probs = logits.softmax(1) * inside[:, None]
    return PixelSoftmax(
        own_logit=(logits * shares).sum(1),
        highest=logits.detach().amax(1),
        log_normalizer=logits.logsumexp(1),
        mass=probs.sum(-1),
        overlap=(probs * shares).sum(-1),
    )


class _PixelSoftmax(torch.autograd.Function):
    """Autograd would keep three arrays of the logits' size and pass over memory twice as often."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, query: Tensor, inside: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        own_logit = logits.gather(1, query[:, None])[:, 0]
        highest = logits.amax(1, keepdim=True)
        probs = (logits - highest).exp_()
        total = probs.sum(1, keepdim=True)
        probs.mul_(total.reciprocal())
        ctx.save_for_backward(probs, query, inside)
        mass = torch.bmm(probs, inside[:, :, None])[:, :, 0]
        log_normalizer, highest = (total.log() + highest)[:, 0], highest[:, 0]
        ctx.mark_non_differentiable(highest)
        return own_logit, highest, log_normalizer, mass

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_own: Tensor, _: Tensor, grad_normalizer: Tensor, grad_mass: Tensor
    ) -> tuple[Tensor, None, None]:
        probs, query, inside = ctx.saved_tensors
        mean_grad = torch.bmm(grad_mass[:, None], probs)[:, 0]
        grad = torch.bmm(grad_mass[:, :, None], inside[:, None])
        grad.add_((grad_normalizer - inside * mean_grad)[:, None]).mul_(probs)
        grad.scatter_add_(1, query[:, None], grad_own[:, None])
        return grad, None, None

"""Softmax of the mask logits over the queries, reduced to what the mask losses need."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
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
    """Reduce mask logits ``(B, N, L)``, keeping one array of their size for the backward pass.

    Two queries see the first of two pixels as 3 to 1 and the second as 1 to 1, and the matching
    gave the first pixel to query 0 and the second to query 1:

    >>> mask_logits = torch.tensor([[[3.0, 1.0], [1.0, 1.0]]]).log()
    >>> mask_logits.softmax(1)
    tensor([[[0.7500, 0.5000],
             [0.2500, 0.5000]]])
    >>> inside = torch.ones(1, 2, dtype=torch.bool)  # both count in the mass
    >>> matches = Matches(*[None] * 5, query=torch.tensor([[0, 1]]), has_query=inside)
    >>> softmax = pixel_softmax(mask_logits, matches, inside)
    >>> softmax.mass, softmax.overlap
    (tensor([[1.2500, 0.7500]]), tensor([[0.7500, 0.5000]]))

    The mask-id loss is the cross-entropy ``log_normalizer - own_logit`` of each pixel, the soft
    dice of a query ``(2 * overlap + 1) / (mass + area of its mask + 1)``:

    >>> (softmax.own_logit - softmax.log_normalizer).exp()
    tensor([[0.7500, 0.5000]])
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


class ReducePixelSoftmax(nn.Module):
    """:func:`pixel_softmax` as a module, which can be compiled in place."""

    def forward(self, mask_logits: Tensor, matches: Matches, inside: Tensor) -> PixelSoftmax:
        """Reduce mask logits ``(B, N, L)``."""
        return pixel_softmax(mask_logits, matches, inside)


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
    """Autograd would keep three arrays of the logits' size and pass over memory twice as often.

    With the gradients ``g`` of the results, that of the logit of query n at a pixel is
    ``P_n (g_normalizer + inside (g_mass_n - sum_m g_mass_m P_m))``, plus ``g_own`` if the pixel's
    own query is n.
    """

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

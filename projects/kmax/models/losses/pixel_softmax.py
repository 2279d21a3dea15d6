"""Softmax of the mask logits over the queries, reduced to what the mask losses need."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class PixelSoftmax(NamedTuple):
    """Reductions of ``P = softmax(mask_logits)`` over the queries.

    Attributes:
        own_logit: ``(B, L)`` logit of each pixel's target query.
        log_normalizer: ``(B, L)`` log of the sum of the exponentials of all queries.
        mass: ``(B, N)`` sum of P over the pixels inside a ground-truth mask.
    """

    own_logit: Tensor
    log_normalizer: Tensor
    mass: Tensor


def pixel_softmax(mask_logits: Tensor, query: Tensor, inside: Tensor) -> PixelSoftmax:
    """Reduce the mask logits, keeping one array of their size for the backward pass.

    Args:
        mask_logits: ``(B, N, L)``.
        query: ``(B, L)`` int64 target query of each pixel.
        inside: ``(B, L)`` 1 inside ground-truth masks, else 0, of the dtype of the logits.
    """
    return PixelSoftmax(*_PixelSoftmax.apply(mask_logits, query, inside))


class _PixelSoftmax(torch.autograd.Function):
    """Autograd would keep three arrays of the logits' size and pass over memory twice as often."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, query: Tensor, inside: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        own_logit = logits.gather(1, query[:, None])[:, 0]
        highest = logits.amax(1, keepdim=True)
        probs = (logits - highest).exp_()
        total = probs.sum(1, keepdim=True)
        probs.mul_(total.reciprocal())
        ctx.save_for_backward(probs, query, inside)
        mass = torch.bmm(probs, inside[:, :, None])[:, :, 0]
        return own_logit, (total.log() + highest)[:, 0], mass

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_own: Tensor, grad_normalizer: Tensor, grad_mass: Tensor
    ) -> tuple[Tensor, None, None]:
        probs, query, inside = ctx.saved_tensors
        mean_grad = torch.bmm(grad_mass[:, None], probs)[:, 0]
        grad = torch.bmm(grad_mass[:, :, None], inside[:, None])
        grad.add_((grad_normalizer - inside * mean_grad)[:, None]).mul_(probs)
        grad.scatter_add_(1, query[:, None], grad_own[:, None])
        return grad, None, None

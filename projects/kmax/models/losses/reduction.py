"""The mean all pixel and query losses share."""

from torch import Tensor


def mean_over_nonzero(losses: Tensor) -> Tensor:
    """Sum of each row of ``(B, L)`` over the number of its non-zero entries; 0 without any."""
    return losses.sum(1) / (losses.detach() != 0).sum(1).clamp(min=1)

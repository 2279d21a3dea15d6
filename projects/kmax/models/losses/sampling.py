"""Sampling of pixels, small masks first, by the Gumbel top-k trick."""

import torch
from torch import Tensor


def gumbel_noise(size: tuple[int, ...], like: Tensor) -> Tensor:
    """Draw standard Gumbel noise of the dtype and device of ``like``."""
    # Minus the log of an exponential variable; a drawn zero would become infinite.
    draws = torch.empty(size, dtype=like.dtype, device=like.device).exponential_()
    return draws.clamp_(min=torch.finfo(like.dtype).tiny).log_().neg_()


def sampling_logits(pixel_area: Tensor, void: Tensor, temperature: float) -> Tensor:
    """Log of the unnormalised chance to sample each pixel (kMaX-DeepLab, section 4.1).

    ``pixel_area`` ``(B, L)`` is the area of each pixel's mask; pixels that are ``void`` ``(B, L)``
    come last. Temperature 0 samples pixels alike, 1 masks alike, more prefers small masks: of a
    mask of one pixel and one of three, with temperature 1, the former's pixel is as likely as the
    latter's three.

    >>> area = torch.tensor([[1.0, 3.0, 3.0, 3.0]])
    >>> sampling_logits(area, torch.zeros(1, 4, dtype=torch.bool), 1.0).softmax(1)
    tensor([[0.5000, 0.1667, 0.1667, 0.1667]])
    """
    area = pixel_area.masked_fill(void, 1)
    return temperature * (area.shape[1] / area).log() - 99999.0 * void


def sample_pixels(logits: Tensor, noise: Tensor, num_samples: int) -> Tensor:
    """Sample ``num_samples`` of ``(..., L)`` pixels, or all if there are fewer, each at most once.

    ``noise`` ``(..., L)`` are Gumbel draws; the result ``(..., S)`` are int64 indices.
    """
    return (logits + noise).topk(min(num_samples, logits.shape[-1]), sorted=False).indices

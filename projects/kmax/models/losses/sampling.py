"""Sampling of pixels, small masks first, by the Gumbel top-k trick."""

import torch
from torch import Tensor


def gumbel_noise(size: tuple[int, ...], like: Tensor) -> Tensor:
    """Draw standard Gumbel noise of the dtype and device of ``like``."""
    # Minus the log of an exponential variable; a drawn zero would become infinite.
    draws = torch.empty(size, dtype=like.dtype, device=like.device).exponential_()
    return draws.clamp_(min=torch.finfo(like.dtype).tiny).log_().neg_()


def sampling_logits(pixel_area: Tensor, void: Tensor, temperature: float) -> Tensor:
    """Log of the unnormalised probability to sample a pixel (k-means Mask Transformer, sec. 4.1).

    Args:
        pixel_area: ``(B, L)`` area of each pixel's mask.
        void: ``(B, L)`` bool.
        temperature: 0 samples pixels alike, 1 masks alike, more prefers small masks.

    Returns:
        ``(B, L)``.
    """
    area = pixel_area.masked_fill(void, 1)
    return temperature * (area.shape[1] / area).log() - 99999.0 * void


def sample_pixels(logits: Tensor, noise: Tensor, num_samples: int) -> Tensor:
    """Sample pixels without replacement; all of them where there are fewer.

    Args:
        logits: ``(..., L)`` of :func:`sampling_logits`.
        noise: ``(..., L)`` Gumbel draws.
        num_samples: Number of pixels to draw.

    Returns:
        ``(..., min(num_samples, L))`` int64 indices.
    """
    return (logits + noise).topk(min(num_samples, logits.shape[-1]), sorted=False).indices

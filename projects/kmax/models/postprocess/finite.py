"""Logits that are not finite are refused: nothing predicted from them is right."""

import math
from typing import Any

import torch
from torch import Tensor


def sum_logits(*logits: Tensor) -> Tensor:
    """Add up all logits, a scalar on their device: finite only if all are, and cheap to transfer.

    Rules send it to the host together with what they decide by, so that nothing waits for it alone.
    """
    return torch.stack([each.sum() for each in logits]).sum()


def image_name(sample: Any) -> str:
    """Return what messages call the image of a data sample: its path, or its id."""
    return str(sample.metainfo.get('img_path') or sample.metainfo.get('img_id', 'without a name'))


def refuse_infinite(total: float, image: str) -> None:
    """Raise a ValueError that names the image where the sum of its logits is not finite."""
    if not math.isfinite(total):
        raise ValueError(
            f'logits are not finite for image {image}: check the weights, which may hold NaN or '
            'infinite values (a training that diverged, a file that is damaged), and the precision'
        )

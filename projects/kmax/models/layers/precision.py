"""What stays in float32 under autocast."""

import torch
from torch import Tensor


def full_precision(x: Tensor) -> Tensor:
    """Return ``x`` in float32 where autocast is on; elsewhere the model's precision counts."""
    if torch.is_autocast_enabled(x.device.type) and x.dtype != torch.float64:
        return x.float()
    return x

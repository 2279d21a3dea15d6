"""What stays in float32: where autocast would leave it, or whatever the network's precision is."""

import torch
from torch import Tensor


def float32_under_autocast(x: Tensor) -> Tensor:
    """Return ``x`` in float32 where autocast is on; elsewhere the model's precision counts."""
    return at_least_float32(x) if torch.is_autocast_enabled(x.device.type) else x


def at_least_float32(x: Tensor) -> Tensor:
    """Return ``x`` in float32, or as it is if it is float64."""
    return x if x.dtype == torch.float64 else x.float()

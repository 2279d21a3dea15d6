"""The figures of one training step, on their way from the device to the host."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class StepValues:
    """Single numbers that come to the host together, without anybody waiting for them.

    On an accelerator they are there once it has computed them, which is when the host next has
    another reason to wait; on a CPU at once.

    Args:
        values: Tensors of one number each, of the losses' dtype, by name.
    """

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self._names = list(values)
        self._event: Any = None
        self._numbers: dict[str, float] | None = None
        if not values:
            self._numbers = {}
            return
        stacked = torch.stack([value.detach().reshape(()) for value in values.values()])
        # From an accelerator into pinned memory, which torch takes for such copies by itself.
        self._host = stacked.to('cpu', non_blocking=True)
        if not is_on_host(stacked):
            self._event = torch.Event(stacked.device)
            self._event.record()

    def are_there(self) -> bool:
        """Tell whether they have come, without waiting."""
        return self._numbers is not None or self._event is None or self._event.query()

    def fetch(self) -> dict[str, float]:
        """Return them by name; waits for those that have not come yet."""
        if self._numbers is None:
            if self._event is not None:
                self._event.synchronize()
            self._numbers = dict(zip(self._names, self._host.tolist(), strict=True))
            del self._host, self._event
        return self._numbers


def is_on_host(tensor: Tensor) -> bool:
    """Tell whether the host has a tensor as soon as it is computed."""
    return tensor.device.type == 'cpu'

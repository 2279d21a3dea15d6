"""Counts what the host waits for on an accelerator, where there is none."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

WAITING = ('_local_scalar_dense', 'nonzero', 'equal', 'masked_select', '_unique2', 'is_nonzero')


class CountWaits(TorchDispatchMode):
    """Counts operators whose result the host must have before it goes on."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        has_mask = name in ('index', 'index_put_') and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if name in WAITING or has_mask:
            self.names.append(name)
        return function(*args, **(kwargs or {}))


@pytest.fixture
def transfers(monkeypatch):
    """Calls that bring a tensor to the host, which dispatch does not show on a CPU."""
    calls = []
    for name in ('cpu', 'numpy', 'tolist', 'item'):
        method = getattr(torch.Tensor, name)

        def call(tensor, *args, method=method, name=name, **kwargs):
            calls.append(name)
            return method(tensor, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, call)
    return calls

"""What the host decides by comes to it at once: each transfer waits for all that is computed."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...runtime.step_values import is_on_host


def fetch(*tensors: Tensor) -> list[NDArray]:
    """Bring tensors of any kinds and shapes to the host with one transfer."""
    if all(map(is_on_host, tensors)):
        return [tensor.numpy() for tensor in tensors]
    flat = [tensor.contiguous().flatten().view(torch.uint8) for tensor in tensors]
    sent = torch.cat(flat).cpu().numpy()
    ends = np.cumsum([len(part) for part in flat])[:-1]
    return [
        # A copy begins where its numbers may begin.
        part.copy().view(_as_numpy(tensor)).reshape(tuple(tensor.shape))
        for part, tensor in zip(np.split(sent, ends), tensors, strict=True)
    ]


def queries_to_look_at(sure: Tensor) -> NDArray:
    """Return the queries ``(M,)`` in whose pixels the host may be interested, in their order.

    Those are the ``sure`` ones ``(N,)``. With an accelerator the host would have to wait for it to
    know them, which takes longer than to look at all.
    """
    if is_on_host(sure):
        return np.flatnonzero(sure.numpy())
    return np.arange(len(sure))


def select_queries(values: Tensor, query: NDArray) -> Tensor:
    """Return the values ``(rows, N, W)`` of some queries ``(M,)``, themselves if these are all."""
    if len(query) == values.shape[1]:
        return values
    return values.index_select(1, torch.from_numpy(query).to(values.device, non_blocking=True))


def _as_numpy(tensor: Tensor) -> np.dtype:
    return np.dtype(str(tensor.dtype).removeprefix('torch.'))

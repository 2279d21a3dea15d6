"""Maps painted from tables, without the int64 maps that indexing would make of the indices."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def look_up(table: Tensor, index: Tensor) -> Tensor:
    """Take ``table`` ``(n,)`` at every pixel of an integer map ``(H, W)``."""
    return table.index_select(0, index.flatten().int()).view(index.shape)


def paint(
    values: NDArray, default: float, winner: NDArray, codes: Tensor, dtype: torch.dtype
) -> Tensor:
    """Paint the value of the mask that was pasted at each pixel.

    Args:
        values: ``(M,)`` of the masks.
        default: That of no mask.
        winner: ``(S,)`` mask that won each set of claims, ``M`` for none.
        codes: ``(H, W)`` int32 number of each pixel's set.
        dtype: That of the map.
    """
    of_sets = np.append(values, default)[winner]
    table = torch.from_numpy(of_sets).to(codes.device, dtype, non_blocking=True)
    return look_up(table, codes)

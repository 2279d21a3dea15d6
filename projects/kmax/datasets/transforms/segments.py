"""Renumbering of the segments of an id map."""

import numpy as np
from numpy.typing import NDArray


def keep_segments(ids: NDArray, labels: NDArray, kept: NDArray) -> tuple[NDArray, NDArray]:
    """Make all segments void but some, and number those from 1 on again.

    Args:
        ids: ``(H, W)`` id map, 0 for void and k for segment k - 1.
        labels: ``(n,)`` class of each segment.
        kept: ``(n,)`` bool.

    Returns:
        The id map and the classes of the segments kept.
    """
    rows = np.append(0, np.where(kept, np.cumsum(kept), 0)).astype(ids.dtype)
    return rows.take(ids), labels[kept]

"""The numbers in id maps and semantic maps."""

import numpy as np
from numpy.typing import NDArray

VOID_ID = 0
"""Id of void pixels in id maps."""
IGNORED_LABEL = 255
"""Label of void pixels in semantic maps, as mmdet's and mmseg's metrics expect it."""


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

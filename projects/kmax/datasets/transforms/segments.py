"""The segments of id maps."""

import numpy as np
from numpy.typing import NDArray

from ...void import VOID_ID
from .arrays import replace_ids


def keep_segments(ids: NDArray, labels: NDArray, kept: NDArray) -> tuple[NDArray, NDArray]:
    """Make segments void but those ``kept``, ``(n,)``, and number them anew.

    Takes and returns the id map ``(H, W)``, k for segment k - 1, and the labels ``(n,)``.
    """
    rows = np.append(VOID_ID, np.where(kept, np.cumsum(kept), VOID_ID)).astype(ids.dtype)
    return replace_ids(ids, rows), labels[kept]

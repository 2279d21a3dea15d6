"""Maps of segment ids as runs of equal neighbours, of which there are few."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class IdRuns:
    """The ``R`` runs of an ``(H, W)`` map of ``n`` ids; a run may go on in the next row.

    Attributes:
        shape: ``(H, W)``.
        ids: ``(n,)`` ids of the map in ascending order.
        place: ``(R,)`` position in ``ids`` of the id of each run.
        starts: ``(R,)`` first pixel of each run, counted row by row.
        lengths: ``(R,)`` pixels of each run.
    """

    shape: tuple[int, int]
    ids: NDArray[np.integer]
    place: NDArray[np.intp]
    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]

    def areas(self) -> NDArray[np.intp]:
        """Return the pixels of each id, ``(n,)``."""
        counts = np.bincount(self.place, self.lengths, minlength=len(self.ids))
        return counts.astype(np.intp)  # Whole numbers below 2^53 are exact as floats.

    def boxes(self) -> NDArray[np.intp]:
        """Return ``x, y, width, height`` of the box around each id, ``(n, 4)``."""
        width = self.shape[1]
        order = np.argsort(self.place, kind='stable')
        starts = self.starts[order]
        first = np.searchsorted(self.place[order], np.arange(len(self.ids)))
        top, left = np.divmod(starts, width)
        bottom, right = np.divmod(starts + self.lengths[order] - 1, width)
        wraps = bottom > top
        left[wraps], right[wraps] = 0, width - 1
        left, right = np.minimum.reduceat(left, first), np.maximum.reduceat(right, first)
        # Starts ascend within an id, and so do ends.
        top, bottom = top[first], bottom[np.append(first[1:], len(order)) - 1]
        return np.stack([left, top, right - left + 1, bottom - top + 1], axis=1)

    def replace_ids(self, values: NDArray) -> NDArray:
        """Return the map, ``(H, W)``, with other values, ``(n,)``, in the places of its ids."""
        return np.repeat(values[self.place], self.lengths).reshape(self.shape)


def find_runs(ids: NDArray[np.integer]) -> IdRuns:
    """Find the runs of a map of ids, ``(H, W)``."""
    flat = ids.ravel()
    begins = np.ones(flat.size, bool)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    starts = np.flatnonzero(begins)
    present, place = np.unique(flat[starts], return_inverse=True)
    lengths = np.diff(starts, append=flat.size)
    return IdRuns(ids.shape, present, place, starts, lengths)


def describe_segments(ids: NDArray[np.integer]) -> dict[int, dict[str, Any]]:
    """Return ``area`` and ``bbox`` ``[x, y, width, height]`` of each id, in one pass.

    Args:
        ids: ``(H, W)``. Void is described as well where it occurs.
    """
    if not ids.size:
        return {}
    runs = find_runs(ids)
    described = zip(runs.ids.tolist(), runs.areas().tolist(), runs.boxes().tolist(), strict=True)
    return {value: dict(area=area, bbox=box) for value, area, box in described}

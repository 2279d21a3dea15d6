"""Maps of segment ids as runs of equal neighbours, of which there are few."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Overlaps = dict[tuple[int, int], int]
"""Number of pixels of each pair of ids, of the first map and of the second."""


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

    def scores(self, maps: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
        """Return of each id, ``(n,)``, the product of the means of maps ``(H, W)`` over it."""
        areas = self.areas()
        scores = np.ones(len(self.ids))
        for values in maps:
            sums = np.add.reduceat(values.ravel(), self.starts, dtype=np.float64)
            scores *= np.bincount(self.place, sums, minlength=len(self.ids)) / areas
        return scores

    def boxes(self) -> NDArray[np.intp]:
        """Return ``x, y, width, height`` of the box around each id, ``(n, 4)``."""
        width = self.shape[1]
        # Numbers of 16 bits are sorted by their digits, several times faster.
        place = self.place.astype(np.uint16) if len(self.ids) <= 2**16 else self.place
        order = np.argsort(place, kind='stable')
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

    def describe(self) -> dict[int, dict[str, Any]]:
        """Return ``area`` and ``bbox`` ``[x, y, width, height]`` of each id, void included."""
        if not len(self.ids):
            return {}
        rows = zip(self.ids.tolist(), self.areas().tolist(), self.boxes().tolist(), strict=True)
        return {value: dict(area=area, bbox=box) for value, area, box in rows}

    def replace_ids(self, values: NDArray) -> NDArray:
        """Return the map, ``(H, W)``, with other values, ``(n,)``, in the places of its ids."""
        return np.repeat(values[self.place], self.lengths).reshape(self.shape)


def find_runs(ids: NDArray[np.integer]) -> IdRuns:
    """Find the runs of a map of ids, ``(H, W)``."""
    flat = ids.ravel()
    starts = np.flatnonzero(_begins(flat))
    present, place = np.unique(flat[starts], return_inverse=True)
    lengths = np.diff(starts, append=flat.size)
    return IdRuns(ids.shape, present, place, starts, lengths)


def count_overlaps(first: NDArray[np.integer], second: NDArray[np.integer]) -> Overlaps:
    """Count the pixels of each pair of ids of two maps ``(H, W)``."""
    if first.size == 0:
        return {}
    a, b = first.ravel(), second.ravel()
    # Neighbours mostly agree: only runs of equal pairs are sorted, not pixels.
    starts = np.flatnonzero(_begins(a, b))
    pairs = (a[starts].astype(np.int64) << 32) | b[starts].astype(np.int64)
    # Few pairs differ: to search them is faster than to let unique invert its sort.
    unique = np.unique(pairs)
    run = np.searchsorted(unique, pairs)
    counts = np.bincount(run, weights=np.diff(starts, append=a.size)).astype(np.int64)
    keys = zip((unique >> 32).tolist(), (unique & 0xFFFFFFFF).tolist(), strict=True)
    return dict(zip(keys, counts.tolist(), strict=True))


def _begins(*maps: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Tell for each pixel of flat maps ``(n,)`` whether one differs from the pixel before."""
    begins = np.ones(maps[0].size, bool)
    for index, values in enumerate(maps):
        if index == 0:
            np.not_equal(values[1:], values[:-1], out=begins[1:])
        else:
            begins[1:] |= values[1:] != values[:-1]
    return begins

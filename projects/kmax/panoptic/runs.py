"""COCO's run-length encoding, as text or as numbers."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

_COUNTS = re.compile(r'[0-o]*')  # 64 characters from '0' on, each of six bits


def encode(segmentation: Any, size: Sequence[int]) -> dict[str, Any]:
    """Return a mask of COCO as compressed runs.

    Args:
        segmentation: Sound polygons, or an object with ``size`` and ``counts``.
        size: ``(height, width)`` of the image, for polygons.
    """
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, *size))
    if isinstance(segmentation['counts'], list):
        return coco_mask.frPyObjects(segmentation, *segmentation['size'])
    return segmentation


def count_pixels(counts: Any) -> int | None:
    """Return the pixels of COCO's runs, None if they are none: nothing is decoded to a mask."""
    if isinstance(counts, list):
        sound = all(type(run) is int and run >= 0 for run in counts)
        return sum(counts) if sound else None
    if not isinstance(counts, str) or not _COUNTS.fullmatch(counts):
        return None
    digits = np.frombuffer(counts.encode(), np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(digits & 0x20 == 0)
    if not len(ends) or ends[-1] != len(digits) - 1:
        return None
    starts = np.append(0, ends[:-1] + 1)
    places = np.arange(len(digits)) - np.repeat(starts, ends - starts + 1)
    if places.max() > 9:
        return None  # Runs of more than 50 bits.
    runs = np.add.reduceat((digits & 0x1F) << 5 * places, starts)
    runs -= np.where(digits[ends] & 0x10, 1 << 5 * (places[ends] + 1), 0)
    # From the fourth on, each is written as the difference from the last but one.
    runs[1::2], runs[2::2] = np.cumsum(runs[1::2]), np.cumsum(runs[2::2])
    return int(runs.sum()) if (runs >= 0).all() else None

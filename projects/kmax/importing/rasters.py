"""From the mask of a region to its pixels, as pycocotools makes them of COCO's formats."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from .source import Crop, Mask, Polygons, Rle

Size = tuple[int, int]
"""``(height, width)`` of an image."""


def find_mask_fault(mask: Mask, size: Size) -> str | None:
    """Say what is wrong with a mask, as the end of a sentence about its region."""
    if isinstance(mask, Polygons):
        return _polygon_fault(mask.rings, size)
    if isinstance(mask, Rle):
        return _rle_fault(mask, size)
    height, width = mask.mask.shape
    if mask.top < 0 or mask.left < 0 or mask.top + height > size[0] or mask.left + width > size[1]:
        return f'has a mask that reaches beyond the image of {size[1]}x{size[0]} pixels'
    return None


def _polygon_fault(rings: Sequence[Sequence[float]], size: Size) -> str | None:
    if not rings:
        return 'has no polygon: draw one, or delete it'
    for ring in rings:
        if not isinstance(ring, (list, tuple)) or not all(map(_is_finite, ring)):
            return 'has a polygon that is no list of numbers'
        if len(ring) % 2 or len(ring) < 6:
            points = f'{len(ring) // 2} points' if len(ring) % 2 == 0 else 'half a point'
            return f'has a polygon of {points}: it needs three or more, as x1, y1, x2, y2, ...'
        if _is_outside(ring, size):
            return (
                f'has a polygon outside of the image of {size[1]}x{size[0]} pixels: x is from '
                f'{min(ring[::2]):g} to {max(ring[::2]):g}, y from {min(ring[1::2]):g} to '
                f'{max(ring[1::2]):g}'
            )
    return None


def _is_finite(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_outside(ring: Sequence[float], size: Size) -> bool:
    """Tell whether no part of a polygon can be in the image."""
    x, y = ring[::2], ring[1::2]
    return max(x) < 0 or max(y) < 0 or min(x) > size[1] or min(y) > size[0]


def reaches_beyond(mask: Mask, size: Size) -> bool:
    """Tell whether a polygon leaves the image by more than a pixel; such parts are cut off."""
    if not isinstance(mask, Polygons):
        return False
    return any(
        min(ring) < -1 or max(ring[::2]) > size[1] + 1 or max(ring[1::2]) > size[0] + 1
        for ring in mask.rings
    )


def _rle_fault(mask: Rle, size: Size) -> str | None:
    if tuple(mask.size) != tuple(size):
        given = 'x'.join(map(str, reversed(mask.size)))
        return f'has an RLE of {given} pixels, but its image is {size[1]}x{size[0]}'
    if not isinstance(mask.counts, (str, bytes)):
        counts = list(mask.counts)
        if not all(type(count) is int and count >= 0 for count in counts):
            return 'has an RLE whose counts are not whole numbers from 0 on'
        if sum(counts) != size[0] * size[1]:
            return f'has an RLE of {sum(counts)} pixels, but its image has {size[0] * size[1]}'
        return None
    try:
        coco_mask.decode(dict(size=list(size), counts=mask.counts))
    except ValueError:
        return 'has a damaged RLE'
    return None


def rasterise(mask: Mask, size: Size) -> Crop:
    """Return the pixels of a sound mask in an image of that ``size``."""
    if isinstance(mask, Crop):
        return mask
    if isinstance(mask, Polygons):
        return _fill(mask.rings, size)
    counts = mask.counts
    encoded = dict(size=list(size), counts=counts)
    if not isinstance(counts, (str, bytes)):
        encoded = coco_mask.frPyObjects(dict(size=list(size), counts=list(counts)), *size)
    left, top, width, height = map(int, coco_mask.toBbox(encoded))
    decoded = coco_mask.decode(encoded)[top : top + height, left : left + width]
    return Crop(decoded.view(bool), top, left)


def _fill(rings: Sequence[Sequence[float]], size: Size) -> Crop:
    """Fill polygons in the part of the image around them, as large as they are.

    pycocotools would fill a mask as large as the image for each; to move a polygon by whole pixels
    changes none of its own.
    """
    x = [value for ring in rings for value in ring[::2]]
    y = [value for ring in rings for value in ring[1::2]]
    left, right = _bounds(x, size[1])
    top, bottom = _bounds(y, size[0])
    moved = [[value - (left, top)[place % 2] for place, value in enumerate(ring)] for ring in rings]
    part = (bottom - top, right - left)
    encoded = coco_mask.merge(coco_mask.frPyObjects(moved, *part))
    return Crop(coco_mask.decode(encoded).view(bool), top, left)


def _bounds(values: Sequence[float], limit: int) -> tuple[int, int]:
    """Return the first pixel and the end of a side, with a pixel more where there is room."""
    first = min(max(math.floor(min(values)) - 1, 0), limit - 1)
    return first, max(min(math.ceil(max(values)) + 2, limit), first + 1)


def paint(target: NDArray[np.int32], crop: Crop, value: int) -> None:
    """Set the pixels of a crop in a map ``(H, W)``."""
    height, width = crop.mask.shape
    part = target[crop.top : crop.top + height, crop.left : crop.left + width]
    np.copyto(part, value, where=crop.mask)

"""From the mask of a region to its pixels, as pycocotools makes them of COCO's formats."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from ..panoptic.runs import count_pixels, encode
from .source import Crop, Mask, Polygons, Rle

Size = tuple[int, int]
"""``(height, width)`` of an image."""

FAR = 10
"""Sizes of an image that a polygon may lead beyond it: pycocotools walks along all of its edges."""

GRID = 5
"""Points a pixel to which pycocotools rounds polygons."""

Rings = Sequence[NDArray[np.float64]]


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


def _polygon_fault(rings: Rings, size: Size) -> str | None:
    if not rings:
        return 'has no polygon: draw one, or delete it'
    far = FAR * max(size)
    for ring in rings:
        if ring.size % 2 or ring.size < 6:
            points = f'{ring.size // 2} points' if ring.size % 2 == 0 else 'half a point'
            return f'has a polygon of {points}: it needs three or more, as x1, y1, x2, y2, ...'
        if not np.isfinite(ring).all():
            return 'has a polygon with NaN or infinity'
        (left, top), (right, bottom) = _extremes(ring)
        is_outside = right < 0 or bottom < 0 or left > size[1] or top > size[0]
        if is_outside or min(left, top) < -far or max(right, bottom) > far:
            where = 'outside of' if is_outside else 'that leads far out of'
            return (
                f'has a polygon {where} the image of {size[1]}x{size[0]} pixels: x is from '
                f'{left:g} to {right:g}, y from {top:g} to {bottom:g}'
            )
    return None


def _extremes(ring: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Return the least and the greatest x and y."""
    points = ring.reshape(-1, 2)
    return points.min(0).tolist(), points.max(0).tolist()


def reaches_beyond(mask: Mask, size: Size) -> bool:
    """Tell whether a polygon leaves the image by more than a pixel; such parts are cut off."""
    if not isinstance(mask, Polygons):
        return False
    (left, top), (right, bottom) = _extremes(np.concatenate(mask.rings))
    return min(left, top) < -1 or right > size[1] + 1 or bottom > size[0] + 1


def _rle_fault(mask: Rle, size: Size) -> str | None:
    if tuple(mask.size) != tuple(size):
        given = 'x'.join(map(str, reversed(mask.size)))
        return f'has an RLE of {given} pixels, but its image is {size[1]}x{size[0]}'
    counts = mask.counts.decode('latin-1') if isinstance(mask.counts, bytes) else mask.counts
    pixels = count_pixels(counts)
    if pixels is None:
        return 'has a damaged RLE'
    if pixels != size[0] * size[1]:
        return f'has an RLE of {pixels} pixels, but its image has {size[0] * size[1]}'
    return None


def rasterise(mask: Mask, size: Size) -> Crop:
    """Return the pixels of a sound mask in an image of that ``size``."""
    if isinstance(mask, Crop):
        return mask
    if isinstance(mask, Polygons):
        return _fill(mask.rings, size)
    encoded = encode(dict(size=list(size), counts=mask.counts), size)
    left, top, width, height = map(int, coco_mask.toBbox(encoded))
    decoded = coco_mask.decode(encoded)[top : top + height, left : left + width]
    return Crop(decoded.view(bool), top, left)


def _fill(rings: Rings, size: Size) -> Crop:
    """Fill polygons in the part of the image around them, as large as they are.

    pycocotools would fill a mask as large as the image for each; to move a polygon by whole pixels
    changes none of its own.
    """
    (first_x, first_y), (last_x, last_y) = _extremes(np.concatenate(rings))
    left, right = _bounds(first_x, last_x, size[1])
    top, bottom = _bounds(first_y, last_y, size[0])
    moved = [_move(ring, left, top) for ring in rings]
    encoded = encode(moved, (bottom - top, right - left))
    return Crop(coco_mask.decode(encoded).view(bool), top, left)


def _move(ring: NDArray[np.float64], left: int, top: int) -> NDArray[np.float64]:
    """Move a polygon such that pycocotools rounds it to the same points, moved."""
    moved = ring.reshape(-1, 2).copy()
    for axis, offset in enumerate((left, top)):
        if offset:  # Then nothing is below 0, where the grid is another.
            moved[:, axis] = (np.floor(moved[:, axis] * GRID + 0.5) - offset * GRID) / GRID
    return moved.ravel()


def _bounds(first: float, last: float, limit: int) -> tuple[int, int]:
    """Return the first pixel and the end of a side, with a pixel more where there is room."""
    start = min(max(math.floor(first) - 1, 0), limit - 1)
    return start, max(min(math.ceil(last) + 2, limit), start + 1)


def paint(target: NDArray[np.int32], crop: Crop, value: int) -> None:
    """Set the pixels of a crop in a map ``(H, W)``."""
    height, width = crop.mask.shape
    part = target[crop.top : crop.top + height, crop.left : crop.left + width]
    np.copyto(part, value, where=crop.mask)

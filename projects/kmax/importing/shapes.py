"""Shapes as annotation tools have them, of which several can be one object."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..panoptic.faults import Fault, FaultKind
from ..panoptic.field_types import NAME, is_number
from .rasters import Size, find_mask_fault, rasterise
from .source import Crop, Mask, Polygons, Region

Found = TypeVar('Found')
"""What is made of a shape."""


@dataclass(frozen=True)
class Shape:
    """What was drawn at once.

    Attributes:
        label: Its class.
        mask: Its pixels.
        place: Where it stands, for messages.
        group: Shapes of one class with the same group are one object; None for one alone.
    """

    label: str
    mask: Mask
    place: str
    group: Hashable = None


def read_shapes(
    records: Iterable[tuple[str, Any]], read: Callable[[Any, str], Found | None]
) -> tuple[list[Found], list[Fault]]:
    """Read all shapes of an image; return them, and what is wrong with others.

    Args:
        records: Of each its place, and what the format has of it.
        read: Makes something of a record and its place, or None of what has no area; raises a
            ValueError with the end of a sentence about it.
    """
    found: list[Found] = []
    faults = []
    for place, record in records:
        try:
            shape = read(record, place)
        except ValueError as error:
            faults.append(Fault(FaultKind.MASK, f'{place} {error}'))
            continue
        if shape is not None:
            found.append(shape)
    return found, faults


def label_of(value: Any) -> str:
    """Return the label of a shape; a ValueError ends a sentence about it."""
    if not NAME[0](value) or not value.strip():
        raise ValueError(f'has the label {value!r}, which must be {NAME[1]}: name it in the tool')
    return value.strip()


def points_of(value: Any, count: int | None = None) -> list[tuple[float, float]]:
    """Return points ``(x, y)``, ``count`` of them; a ValueError ends a sentence about the shape."""
    is_sound = isinstance(value, (list, tuple)) and all(
        isinstance(point, (list, tuple)) and len(point) == 2 and all(map(is_number, point))
        for point in value
    )
    if not is_sound:
        raise ValueError('has points that are not pairs of numbers')
    if count is not None and len(value) != count:
        raise ValueError(f'has {len(value)} points: it needs {count}')
    return [(float(x), float(y)) for x, y in value]


def check_part(width: int, height: int, size: Size) -> None:
    """Raise a ValueError that ends a sentence if a mask has no pixels, or more than its image."""
    if not 0 < width <= size[1] or not 0 < height <= size[0]:
        raise ValueError(
            f'has a mask of {width}x{height} pixels, but its image is {size[1]}x{size[0]}'
        )


def join_groups(shapes: Sequence[Shape], size: Size) -> list[Region]:
    """Make a region of each object, in the order of their first shapes.

    Shapes of which one has a faulty mask stay apart, so that the fault is found in its place.

    Args:
        shapes: Of one image.
        size: ``(height, width)`` of the image.
    """
    groups: dict[Hashable, list[Shape]] = {}
    for number, shape in enumerate(shapes):
        key = number if shape.group is None else (shape.label, shape.group)
        groups.setdefault(key, []).append(shape)
    regions = []
    for group in groups.values():
        masks = [shape.mask for shape in group]
        if len(group) == 1 or any(find_mask_fault(mask, size) is not None for mask in masks):
            regions += [Region(shape.label, shape.mask, shape.place) for shape in group]
        else:
            regions.append(Region(group[0].label, _union(masks, size), group[0].place))
    return regions


def _union(masks: Sequence[Mask], size: Size) -> Mask:
    polygons = [mask for mask in masks if isinstance(mask, Polygons)]
    if len(polygons) == len(masks):
        return Polygons([ring for mask in polygons for ring in mask.rings])
    crops = [rasterise(mask, size) for mask in masks]
    top, left = min(crop.top for crop in crops), min(crop.left for crop in crops)
    bottom = max(crop.top + crop.mask.shape[0] for crop in crops)
    right = max(crop.left + crop.mask.shape[1] for crop in crops)
    joined = np.zeros((bottom - top, right - left), bool)
    for crop in crops:
        height, width = crop.mask.shape
        joined[crop.top - top :, crop.left - left :][:height, :width] |= crop.mask
    return Crop(joined, top, left)


def describe_left_out(kinds: Counter[str]) -> list[str]:
    """Return the note on shapes without area, none where there are none."""
    if not kinds:
        return []
    listed = ', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))
    return [f'annotations without an area are left out: {listed}']

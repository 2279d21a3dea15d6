"""From the regions of an image to a map of ids: things over stuff, no pixel in two segments."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..panoptic.segments import measure_segments
from ..void import VOID_ID
from .classes import ImportedClass
from .rasters import Size, paint, rasterise
from .source import AsThing, Crop, Label, Region

OVERLAPS = ('smallest', 'largest', 'last', 'error')
"""Whose pixels are where two objects overlap: those of the smaller, of the larger, of the one that
the format names later; or it is a fault."""

HIDDEN = 'segments that others cover wholly'
WITHOUT_PIXELS = 'regions without a pixel'
IGNORED = 'regions of labels that are ignored'
TOLD_OTHERWISE = 'regions of things in maps that tell no objects apart'

STUFF, CROWD, OBJECT = range(3)
"""What lies above what."""


@dataclass(frozen=True)
class Painted:
    """An image in the panoptic format.

    Attributes:
        ids: ``(H, W)`` the id of each pixel.
        segments: Its ``segments_info``.
        left_out: How many regions are not in it, by the reason.
    """

    ids: NDArray[np.int32]
    segments: list[dict[str, Any]]
    left_out: Counter[str]


@dataclass
class Layer:
    """One region that is painted.

    Attributes:
        height: Stuff, crowd or object: what lies above what.
        owner: Its class.
        crop: Its pixels.
        place: Where it stands, for messages.
        area: Its pixels, also those that others cover.
        id: The segment that it becomes, or becomes a part of.
    """

    height: int
    owner: ImportedClass
    crop: Crop
    place: str
    area: int
    id: int = VOID_ID


Table = Mapping[Label, ImportedClass | None]
"""The class of every label, see :meth:`.Classes.table`."""


def paint_regions(regions: Iterable[Region], table: Table, size: Size, overlap: str) -> Painted:
    """Paint sound regions of an image.

    Args:
        regions: In the order of their format.
        table: The class of every label.
        size: ``(height, width)`` of the image.
        overlap: One of ``OVERLAPS``.
    """
    left_out: Counter[str] = Counter()
    layers = _make_layers(regions, table, size, left_out)
    by_id = _number(layers)
    ids = np.full(size, VOID_ID, np.int32)
    for layer in sorted(layers, key=lambda layer: (layer.height, _rank(layer, overlap))):
        paint(ids, layer.crop, layer.id)
    segments = measure_segments(ids, lambda segment_id: _describe(by_id[segment_id]))
    left_out[HIDDEN] = len(by_id) - len(segments)
    return Painted(ids, segments, +left_out)


def find_overlaps(
    regions: Iterable[Region], table: Table, size: Size
) -> Iterator[tuple[str, str, int]]:
    """Yield where objects overlap: both places, and the number of pixels."""
    layers = _make_layers(regions, table, size, Counter())
    painted = np.zeros(size, np.int32)
    objects = [layer for layer in layers if layer.height == OBJECT]
    for number, layer in enumerate(objects, start=1):
        crop = layer.crop
        height, width = crop.mask.shape
        below = painted[crop.top : crop.top + height, crop.left : crop.left + width][crop.mask]
        values, counts = np.unique(below[below > 0], return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            yield objects[value - 1].place, layer.place, count
        paint(painted, crop, number)


def _rank(layer: Layer, overlap: str) -> int:
    """Return what is painted first among layers of one height; others cover it."""
    return {'smallest': -layer.area, 'largest': layer.area}.get(overlap, 0)


def _describe(layer: Layer) -> dict[str, Any]:
    return dict(category_id=layer.owner.id, iscrowd=int(layer.height == CROWD))


def _make_layers(
    regions: Iterable[Region], table: Table, size: Size, left_out: Counter[str]
) -> list[Layer]:
    layers = []
    for region in regions:
        owner = table[region.label]
        if owner is None:
            left_out[IGNORED] += 1
            continue
        if owner.is_thing and region.as_thing is AsThing.VOID:
            left_out[TOLD_OTHERWISE] += 1
            continue
        crop = rasterise(region.mask, size)
        if not crop.mask.any():
            left_out[WITHOUT_PIXELS] += 1
            continue
        for height, part in _parts(region, owner, crop):
            area = int(np.count_nonzero(part.mask))
            layers.append(Layer(height, owner, part, region.place, area))
    return layers


def _parts(region: Region, owner: ImportedClass, crop: Crop) -> Iterator[tuple[int, Crop]]:
    """Yield what a region is painted as: itself, or the connected parts of it."""
    if not owner.is_thing:
        yield STUFF, crop
    elif region.as_thing is AsThing.CROWD:
        yield CROWD, crop
    elif region.as_thing is AsThing.COMPONENTS:
        yield from ((OBJECT, part) for part in split_components(crop))
    else:
        yield OBJECT, crop


def split_components(crop: Crop) -> list[Crop]:
    """Return the parts of a crop that are connected, also by corners."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        crop.mask.astype(np.uint8), connectivity=8
    )
    parts = []
    for number in range(1, count):
        left, top, width, height = stats[number, :4].tolist()
        mask = labels[top : top + height, left : left + width] == number
        parts.append(Crop(mask, crop.top + top, crop.left + left))
    return parts


def _number(layers: Sequence[Layer]) -> dict[int, Layer]:
    """Give every object an id, and all stuff and all crowd of a class one; return one of each."""
    shared: dict[tuple[int, int], int] = {}
    by_id: dict[int, Layer] = {}
    for layer in layers:
        layer.id = len(by_id) + 1
        if layer.height != OBJECT:
            layer.id = shared.setdefault((layer.height, layer.owner.id), layer.id)
        by_id.setdefault(layer.id, layer)
    return by_id

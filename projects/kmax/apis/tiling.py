"""Images far larger than the network's input, tile by tile."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.id_runs import count_overlaps
from kmax_deeplab.panoptic_values import INSTANCE_OFFSET, VOID_ID
from kmax_deeplab.result import PanopticResult

from .segmenter import Segmenter

OVERLAP = 0.25
"""Part of a tile's side that it shares with its neighbour."""

SAME = 0.5
"""Intersection over union, where tiles overlap, above which two things are one; a thing has at most
one such partner, as in panoptic quality (Kirillov et al., CVPR 2019)."""

Rectangle = tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """A part of an image, as slices of its rows and columns.

    Attributes:
        area: The whole part.
        core: Where its result replaces those of tiles before, which keep half of what they share.
        seen: What the tiles before share with it.
    """

    area: Rectangle
    core: Rectangle
    seen: tuple[Rectangle, ...]


def predict_tiles(
    inferencer: Segmenter, image: NDArray[np.uint8], tile_size: int, **more: Any
) -> PanopticResult:
    """Find the segments of each tile of an image, and join those that go on in the next.

    Things of one class are joined where tiles overlap if they agree there; stuff of one class is
    one segment, as everywhere.

    Args:
        inferencer: What looks at a tile.
        image: RGB ``(H, W, 3)``.
        tile_size: Longest side of a tile in pixels of the image; neighbours share a quarter.
        **more: Fields of the result, such as its ``path``.
    """
    ids = np.full(image.shape[:2], -1, np.int32)
    segments = Segments()
    for tile in cut_tiles(image.shape[:2], tile_size):
        found = inferencer(image[tile.area], channel_order='rgb')
        numbers = segments.add(found)
        placed = np.array([VOID_ID, *numbers], np.int32)[found.id_map]
        for rectangle in tile.seen:
            segments.compare(ids[rectangle], placed[_within(rectangle, tile.area)])
        segments.join()
        untouched = ids[tile.area] < 0
        ids[tile.area][untouched] = placed[untouched]
        ids[tile.core] = placed[_within(tile.core, tile.area)]
    return segments.describe(ids, inferencer, image=image, **more)


def cut_tiles(shape: tuple[int, int], size: int) -> Iterator[Tile]:
    """Yield the tiles of an image of ``(height, width)``, row by row."""
    rows, columns = (list(_cut(length, size)) for length in shape)
    for top, inner_top, previous_bottom in rows:
        for left, inner_left, previous_right in columns:
            above = slice(top.start, max(top.start, previous_bottom))
            beside = slice(left.start, max(left.start, previous_right))
            below = slice(above.stop, top.stop)
            seen = [(above, left)] if above.stop > above.start else []
            seen += [(below, beside)] if beside.stop > beside.start else []
            yield Tile((top, left), (inner_top, inner_left), tuple(seen))


def _cut(length: int, size: int) -> Iterator[tuple[slice, slice, int]]:
    """Yield parts of a side, their cores, and where the part before ends; evenly spread."""
    count = max(1, -(-(length - size) // max(1, round(size * (1 - OVERLAP)))) + 1)
    starts = np.linspace(0, max(0, length - size), count).round().astype(int).tolist()
    end = 0
    for start in starts:
        stop = min(start + size, length)
        core = start if end == 0 else (start + end + 1) // 2
        yield slice(start, stop), slice(core, stop), end
        end = stop


def _within(rectangle: Rectangle, area: Rectangle) -> Rectangle:
    rows, columns = (
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(rectangle, area, strict=True)
    )
    return rows, columns


class Segments:
    """The segments of all tiles, numbered from 1, and which of them are one."""

    def __init__(self) -> None:
        self._found: list[dict[str, Any]] = []
        self._part_of: list[int] = [VOID_ID]
        self._overlaps: dict[tuple[int, int], int] = {}

    def add(self, result: PanopticResult) -> list[int]:
        """Number the segments of a tile."""
        first = len(self._part_of)
        self._found += result.segments_info
        numbers = list(range(first, first + len(result.segments_info)))
        self._part_of += numbers
        return numbers

    def compare(self, before: NDArray[np.int32], after: NDArray[np.int32]) -> None:
        """Count what segments share in a rectangle that tiles before and this one have seen."""
        for pair, pixels in count_overlaps(before, after).items():
            self._overlaps[pair] = self._overlaps.get(pair, 0) + pixels

    def join(self) -> None:
        """Join what agrees in all rectangles of a tile."""
        overlaps = _sum_up(self._overlaps, self._root)
        areas: dict[tuple[int, int], int] = {}
        for pair, pixels in overlaps.items():
            for side, number in enumerate(pair):
                areas[side, number] = areas.get((side, number), 0) + pixels
        for (before, after), pixels in overlaps.items():
            if VOID_ID in (before, after) or not self._are_alike(before, after):
                continue
            union = areas[0, before] + areas[1, after] - pixels
            if pixels > SAME * union:
                self._part_of[self._root(after)] = self._root(before)
        self._overlaps = {}

    def _are_alike(self, before: int, after: int) -> bool:
        """Tell whether two segments are things of one class; stuff is joined in any case."""
        one, other = self._found[before - 1], self._found[after - 1]
        return one['isthing'] and one['label_id'] == other['label_id']

    def _root(self, number: int) -> int:
        while self._part_of[number] != number:
            number = self._part_of[number]
        return number

    def describe(
        self, ids: NDArray[np.int32], inferencer: Segmenter, **more: Any
    ) -> PanopticResult:
        """Return the result of the whole image, of the numbers ``(H, W)`` of its pixels."""
        void = len(inferencer.classes.names)
        values, instances = [void], dict[int, int]()
        for number, segment in enumerate(self._found, start=1):
            instance = 0
            if segment['isthing']:
                instance = instances.setdefault(self._root(number), len(instances) + 1)
            values.append(segment['label_id'] + INSTANCE_OFFSET * instance)
        scores = np.array([1, *(segment['score'] for segment in self._found)], np.float32)
        panoptic = np.array(values, np.int32)[ids]
        return PanopticResult.from_panoptic(panoptic, inferencer.classes, [scores[ids]], **more)


def _sum_up(overlaps: dict[tuple[int, int], int], root: Any) -> dict[tuple[int, int], int]:
    """Count pairs of segments that are one already together."""
    summed: dict[tuple[int, int], int] = {}
    for (before, after), pixels in overlaps.items():
        pair = root(before), root(after)
        summed[pair] = summed.get(pair, 0) + pixels
    return summed

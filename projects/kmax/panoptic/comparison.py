"""A panoptic PNG compared with its image and with what the JSON says of both."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kmax_deeplab.id_runs import IdRuns

from ..void import VOID_ID
from .faults import Fault, FaultKind

BBOX_TOLERANCE = 1


def find_size_faults(png: tuple[int, ...] | None, record: dict) -> Iterator[Fault]:
    """Yield where an image differs in size from its PNG, ``(H, W)`` or None, or from the JSON.

    The record has ``img_id``, ``img_path``, ``ann_file``, ``seg_map_path`` and ``ori_shape``, the
    size of the image, and the JSON's ``width`` and ``height`` where it gives them.
    """
    shape = tuple(record['ori_shape'])
    image = f'image {record["img_id"]} ({record["img_path"]}) is {_size(shape)}'
    if png is not None and png != shape:
        yield Fault(
            FaultKind.SIZE,
            f'panoptic PNG {record["seg_map_path"]} is {_size(png)}, but {image}'
            + orientation_hint(png, shape),
            record['img_id'],
        )
    given = tuple(record[side] for side in ('height', 'width') if record.get(side) is not None)
    if len(given) == 2 and given != shape:
        yield Fault(
            FaultKind.JSON_SIZE,
            f'{image}, but {record["ann_file"]} says {given[1]}x{given[0]}'
            + orientation_hint(given, shape),
            record['img_id'],
        )


def _size(shape: tuple[int, ...]) -> str:
    return f'{shape[1]}x{shape[0]} pixels'


def orientation_hint(ids: tuple[int, ...], image: tuple[int, ...]) -> str:
    """Explain sizes ``(H, W)`` that are exchanged: images are turned as their EXIF tags say."""
    if tuple(ids) == tuple(image) or tuple(ids) != tuple(image)[::-1]:
        return ''
    return (
        '; the image may have an EXIF orientation, which is applied: annotate it as it is shown, '
        "remove the tag or set color_type='color_ignore_orientation' of LoadImageFromFile"
    )


def find_pixel_faults(runs: IdRuns, record: dict, tolerated: bool = False) -> Iterator[Fault]:
    """Yield where the ids of a PNG are not those of the JSON, and where areas or boxes differ.

    The record has ``segment_ids`` and, where they are to be compared, ``segment_areas`` and
    ``segment_boxes``; whether the data set is told to go on all the same, ``tolerated`` says.
    """
    image = f'image {record["img_id"]} in {record["ann_file"]}'
    png, img_id = record['seg_map_path'], record['img_id']
    yield from find_id_faults(runs.ids.tolist(), record['segment_ids'], png, image, img_id)
    if 'segment_areas' in record:
        yield from _find_measure_faults(runs, record, image, tolerated)


def find_id_faults(
    present: Iterable[int],
    listed: Collection[int],
    png: str | Path,
    image: str,
    image_id: int | str | None = None,
) -> Iterator[Fault]:
    """Yield ids that only the PNG holds or only the ``segments_info`` lists."""
    present, listed = set(present), set(listed)
    for value in sorted(present - listed - {VOID_ID}):
        yield Fault(
            FaultKind.ID_NOT_IN_JSON,
            f'panoptic PNG {png} holds id {value}, which is not among the segments_info of {image}',
            image_id,
        )
    for value in sorted(listed - present):
        yield Fault(
            FaultKind.ID_NOT_IN_PNG,
            f'panoptic PNG {png} has no pixel of id {value}, which is among the segments_info of '
            f'{image}',
            image_id,
        )


def _find_measure_faults(
    runs: IdRuns, record: dict, image: str, tolerated: bool
) -> Iterator[Fault]:
    measures = zip(record['segment_areas'], record['segment_boxes'], strict=True)
    given = dict(zip(record['segment_ids'], measures, strict=True))
    png = record['seg_map_path']
    remedy = '' if tolerated else ': correct the JSON, or set check_measures=False of the data set'
    found = zip(runs.ids.tolist(), runs.areas().tolist(), runs.boxes().tolist(), strict=True)
    for segment_id, pixels, box in found:
        area, bbox = given.get(segment_id, (None, None))
        described = f'segment {segment_id} of {image}'
        if area is not None and area != pixels:
            message = _tell_areas(described, area, pixels, png) + remedy
            yield Fault(FaultKind.AREA, message, record['img_id'], tolerated)
        if bbox is not None and not _is_near(bbox, box):
            message = f'{described} has bbox {bbox}, but is at {box} in {png}{remedy}'
            yield Fault(FaultKind.BBOX, message, record['img_id'], tolerated)


def _tell_areas(described: str, area: float, pixels: int, png: str | Path) -> str:
    return (
        f'{described} has area {area}, but {pixels} pixels in {png}; panoptic quality is computed '
        'from the former'
    )


def find_count_faults(
    areas: Mapping[int, int], segments: Iterable[Mapping[str, Any]], png: str | Path, image: str
) -> Iterator[Fault]:
    """Yield where the pixels of each id of a PNG are not those of its ``segments_info``."""
    given = {segment['id']: segment.get('area') for segment in segments}
    yield from find_id_faults(areas, given, png, image)
    for segment_id, area in given.items():
        pixels = areas.get(segment_id, 0)
        if pixels and area is not None and area != pixels:
            described = f'segment {segment_id} of {image}'
            yield Fault(FaultKind.AREA, _tell_areas(described, area, pixels, png))


def _is_near(bbox: list[float], box: list[int]) -> bool:
    return len(bbox) == 4 and all(
        abs(given - found) <= BBOX_TOLERANCE for given, found in zip(bbox, box, strict=True)
    )

"""Faults and statistics of one image and its panoptic PNG."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.fileio import get
from numpy.typing import NDArray

from ..datasets.data_warnings import warn_of_crowd, warn_of_excess, warn_of_void
from ..datasets.panoptic_json import measures_of
from ..datasets.reading_errors import naming_image
from ..datasets.transforms.loading import (
    find_json_size_faults,
    find_measure_faults,
    find_size_faults,
)
from ..faults import Fault, FaultKind
from ..id_runs import describe_segments
from ..panoptic_format import VOID, find_id_faults, read_panoptic_png


@dataclass(frozen=True)
class Expectations:
    """What an image is compared with.

    Attributes:
        labels: Label of each category id.
        num_things: Number of thing classes, which have the smallest labels.
        num_queries: Most segments a model can learn from; None for any number.
        check_measures: Whether a training compares areas and boxes.
        backend_args: Arguments of mmengine's file backend.
    """

    labels: dict[int, int]
    num_things: int
    num_queries: int | None = None
    check_measures: bool = True
    backend_args: dict | None = None


@dataclass
class ImageReport:
    """What was found in one image.

    Attributes:
        record: Names of its files, see :class:`Annotations`.
        faults: What is wrong.
        size: Width and height of the image in pixels; None where it cannot be read.
        digest: Equal for equal image files.
        void: Share of its pixels without a segment; None where the PNG cannot be read.
        crowd: Share of its pixels in crowd segments, likewise.
        segments: ``(n, 2)`` label and pixels of each segment to learn: every thing, and all of a
            stuff class together.
    """

    record: dict
    faults: list[Fault] = field(default_factory=list)
    size: tuple[int, int] | None = None
    digest: bytes | None = None
    void: float | None = None
    crowd: float | None = None
    segments: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))


def inspect_image(expected: Expectations, record: dict) -> ImageReport:
    """Read an image and its panoptic PNG and compare them with their annotation.

    Args:
        expected: What to compare with.
        record: One of :attr:`Annotations.records`.
    """
    report = ImageReport(record)
    _read_image(report, expected.backend_args)
    if 'segments' not in record:
        return report
    try:
        ids = read_panoptic_png(record['seg_map_path'], _describe(record), expected.backend_args)
    except FileNotFoundError as error:
        report.faults.append(Fault(FaultKind.MISSING_PNG, str(error), record['img_id']))
    except ValueError as error:
        report.faults.append(Fault(FaultKind.BROKEN_PNG, str(error), record['img_id']))
    else:
        _compare(report, ids, expected)
    return report


def _describe(record: dict) -> str:
    return f'image {record["img_id"]} in {record["ann_file"]}'


def _read_image(report: ImageReport, backend_args: dict | None) -> None:
    record = report.record
    try:
        with naming_image(record, record['ann_file']):
            loaded = LoadImageFromFile(backend_args=backend_args)({'img_path': record['img_path']})
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        kind = FaultKind.MISSING_IMAGE if missing else FaultKind.BROKEN_IMAGE
        report.faults.append(Fault(kind, str(error), record['img_id']))
        return
    height, width = loaded['ori_shape']
    report.size = (width, height)
    content = get(record['img_path'], backend_args=backend_args)
    report.digest = hashlib.blake2b(content, digest_size=8).digest()
    report.faults += find_json_size_faults({**record, 'ori_shape': (height, width)})


def _compare(report: ImageReport, ids: NDArray[np.uint32], expected: Expectations) -> None:
    record = report.record
    if report.size is not None:
        shape = report.size[::-1]
        report.faults += find_size_faults(ids.shape, {**record, 'ori_shape': shape})
    described = describe_segments(ids)
    areas = {segment_id: found['area'] for segment_id, found in described.items()}
    listed = [segment['id'] for segment in record['segments']]
    report.faults += find_id_faults(
        areas, listed, record['seg_map_path'], _describe(record), record['img_id']
    )
    report.faults += _find_measure_faults(record, described, not expected.check_measures)
    crowd = {s['id'] for s in record['segments'] if s.get('iscrowd', 0)}
    report.void = areas.get(VOID, 0) / ids.size
    report.crowd = sum(areas.get(segment_id, 0) for segment_id in crowd) / ids.size
    report.segments = _merge_stuff(record['segments'], areas, expected)
    report.faults += _find_emptiness(record, areas, crowd)
    report.faults += _find_excess(report, expected)


def _find_measure_faults(
    record: dict, found: dict[int, dict[str, Any]], tolerated: bool
) -> Iterator[Fault]:
    segments = record['segments']
    measured = [(segment_id, *measures.values()) for segment_id, measures in found.items()]
    listed = {'segment_ids': [segment['id'] for segment in segments], **measures_of(segments)}
    return find_measure_faults(measured, {**record, **listed}, _describe(record), tolerated)


def _merge_stuff(
    segments: list[dict], areas: dict[int, int], expected: Expectations
) -> NDArray[np.int64]:
    things: list[tuple[int, int]] = []
    stuff: dict[int, int] = {}
    for segment in segments:
        label = expected.labels.get(segment.get('category_id', -1))
        if label is None or segment.get('iscrowd', 0):
            continue
        pixels = areas.get(segment['id'], 0)
        if label < expected.num_things:
            things.append((label, pixels))
        else:
            stuff[label] = stuff.get(label, 0) + pixels
    return np.array([*things, *stuff.items()], np.int64).reshape(-1, 2)


def _find_emptiness(record: dict, areas: dict[int, int], crowd: set[int]) -> Iterator[Fault]:
    if set(areas) == {VOID}:
        yield warn_of_void(record)
    elif crowd and all(segment['id'] in crowd for segment in record['segments']):
        yield warn_of_crowd(record)


def _find_excess(report: ImageReport, expected: Expectations) -> Iterator[Fault]:
    count = len(report.segments)
    if expected.num_queries is not None and count > expected.num_queries:
        yield warn_of_excess(report.record, count, expected.num_queries)

"""Faults and statistics of one image and its panoptic PNG."""

from dataclasses import dataclass, field

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.fileio import get
from numpy.typing import NDArray

from kmax_deeplab.id_runs import find_runs

from ..datasets.reading_errors import naming_image
from ..panoptic.comparison import find_pixel_faults, find_size_faults
from ..panoptic.faults import Fault, FaultKind
from ..panoptic.files import read_panoptic_png
from ..panoptic.leaks import digest
from ..void import VOID_ID


@dataclass
class ImageReport:
    """What was found in one image.

    Attributes:
        record: One of :attr:`Annotations.records`; where the PNG can be read, with
            ``segment_pixels``, the pixels of each of its ``segment_labels``.
        faults: What is wrong.
        size: Width and height of the image in pixels; None where it cannot be read.
        digest: Equal for equal image files.
        void: Share of its pixels without a segment; None where the PNG cannot be read.
        crowd: Share of its pixels in crowd segments, likewise.
    """

    record: dict
    faults: list[Fault] = field(default_factory=list)
    size: tuple[int, int] | None = None
    digest: bytes | None = None
    void: float | None = None
    crowd: float | None = None

    @property
    def pixels(self) -> list[int]:
        """Pixels of each segment to learn: every thing, and all of a stuff class together."""
        return self.record.get('segment_pixels', [])


def inspect_image(
    record: dict, check_measures: bool = True, backend_args: dict | None = None
) -> ImageReport:
    """Read an image and its panoptic PNG and compare them with one of :attr:`Annotations.records`.

    ``check_measures`` tells whether a training compares areas and boxes.
    """
    report = ImageReport(record)
    _read_image(report, backend_args)
    ids = _read_ids(report, backend_args) if 'segments' in record else None
    if report.size is not None:
        measured = {**record, 'ori_shape': report.size[::-1]}
        report.faults += find_size_faults(None if ids is None else ids.shape, measured)
    if ids is not None:
        _count_pixels(report, ids, check_measures)
    return report


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
    report.digest = digest(get(record['img_path'], backend_args=backend_args))


def _read_ids(report: ImageReport, backend_args: dict | None) -> NDArray[np.uint32] | None:
    record = report.record
    image = f'image {record["img_id"]} in {record["ann_file"]}'
    try:
        return read_panoptic_png(record['seg_map_path'], image, backend_args)
    except (FileNotFoundError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        kind = FaultKind.MISSING_PNG if missing else FaultKind.BROKEN_PNG
        report.faults.append(Fault(kind, str(error), record['img_id']))
    return None


def _count_pixels(report: ImageReport, ids: NDArray[np.uint32], check_measures: bool) -> None:
    record = report.record
    runs = find_runs(ids)
    report.faults += find_pixel_faults(runs, record, tolerated=not check_measures)
    areas = dict(zip(runs.ids.tolist(), runs.areas().tolist(), strict=True))
    crowd = (areas.get(s['id'], 0) for s in record['segments'] if s.get('iscrowd', 0))
    report.void, report.crowd = areas.get(VOID_ID, 0) / ids.size, sum(crowd) / ids.size
    pixels = [0] * (1 + len(record['segment_labels']))
    for segment_id, row in zip(record['segment_ids'], record['segment_rows'], strict=True):
        pixels[row] += areas.get(segment_id, 0)
    is_void = not areas.keys() - {VOID_ID}
    report.record = {**record, 'segment_pixels': pixels[1:], 'is_void': is_void}

"""Reading panoptic PNGs."""

from collections.abc import Iterable, Iterator

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

from ...faults import Fault, FaultKind, refuse
from ...id_runs import IdRuns, find_runs
from ...panoptic_format import check_ids, orientation_hint, read_panoptic_png

BBOX_TOLERANCE = 1


@TRANSFORMS.register_module()
class LoadPanopticIds(BaseTransform):
    """Read a panoptic PNG into a map of contiguous segment ids.

    The map must show the image as ``LoadImageFromFile`` gives it: by default turned as its EXIF
    orientation says. Samples without ``seg_map_path``, as inferencers make them, pass through
    unchanged.

    Required keys: ``seg_map_path``, ``segment_ids``, ``segment_rows``, ``segment_labels``,
    ``img_id``, ``ori_shape``, ``ann_file``; compared where given are ``width`` and ``height``, and
    ``segment_areas`` and ``segment_boxes``.
    Added keys: ``gt_seg_map``, an ``(H, W)`` int16 map of 0 for void and crowd and k for segment
    k - 1; ``gt_segment_labels``, the ``(n,)`` int64 class of each segment.

    Args:
        backend_args: Arguments of mmengine's file backend.
    """

    def __init__(self, backend_args: dict | None = None) -> None:
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Read the ids of one image.

        Args:
            results: Sample of the pipeline.

        Returns:
            The same dict.

        Raises:
            FileNotFoundError: If there is no such PNG.
            ValueError: If it cannot be read or contradicts the image or the JSON.
        """
        if results.get('seg_map_path') is None:
            return results
        image = f'image {results["img_id"]} in {results["ann_file"]}'
        ids = read_panoptic_png(results['seg_map_path'], image, self.backend_args)
        refuse(find_size_faults(ids.shape, results))
        refuse(find_json_size_faults(results))
        results['gt_seg_map'] = _contiguous_ids(ids, results)
        results['gt_segment_labels'] = np.array(results['segment_labels'], dtype=np.int64)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(backend_args={self.backend_args})'


def find_size_faults(shape: tuple[int, ...], record: dict) -> Iterator[Fault]:
    """Yield a fault when a panoptic PNG has another size than its image.

    Args:
        shape: ``(H, W)`` of the PNG.
        record: ``seg_map_path``, ``img_id``, ``img_path`` and ``ori_shape`` of the image.
    """
    if shape != tuple(record['ori_shape']):
        yield Fault(
            FaultKind.SIZE,
            f'panoptic PNG {record["seg_map_path"]} is {_size(shape)}, but image '
            f'{record["img_id"]} ({record["img_path"]}) is {_size(record["ori_shape"])}'
            + orientation_hint(shape, tuple(record['ori_shape'])),
            record['img_id'],
        )


def find_json_size_faults(record: dict) -> Iterator[Fault]:
    """Yield a fault when an image has another size than its JSON says.

    Args:
        record: ``img_id``, ``img_path``, ``ann_file`` and ``ori_shape`` of the image; ``width`` and
            ``height``, where the JSON gives them.
    """
    given = tuple(record[side] for side in ('height', 'width') if record.get(side) is not None)
    if len(given) == 2 and given != tuple(record['ori_shape']):
        yield Fault(
            FaultKind.JSON_SIZE,
            f'image {record["img_id"]} ({record["img_path"]}) is {_size(record["ori_shape"])}, but '
            f'{record["ann_file"]} says {given[1]}x{given[0]}'
            + orientation_hint(given, record['ori_shape']),
            record['img_id'],
        )


def _size(shape: tuple[int, ...]) -> str:
    return f'{shape[1]}x{shape[0]} pixels'


def find_measure_faults(
    found: Iterable[tuple[int, int, list[int]]], record: dict, image: str, tolerated: bool = False
) -> Iterator[Fault]:
    """Yield a fault for each area and box in the JSON that is not that of the PNG.

    Args:
        found: Id, area and ``[x, y, width, height]`` of each segment in the PNG, or void.
        record: ``seg_map_path``, ``img_id``, ``segment_ids`` and, for each of these,
            ``segment_areas`` and ``segment_boxes``, None where the JSON has none.
        image: Name of the image and the JSON.
        tolerated: Whether the data set has ``check_measures=False``.
    """
    measures = zip(record['segment_areas'], record['segment_boxes'], strict=True)
    given = dict(zip(record['segment_ids'], measures, strict=True))
    remedy = '' if tolerated else ': correct the JSON, or set check_measures=False of the data set'
    for segment_id, pixels, box in found:
        area, bbox = given.get(segment_id, (None, None))
        described = f'segment {segment_id} of {image}'
        if area is not None and area != pixels:
            message = (
                f'{described} has area {area}, but {pixels} pixels in {record["seg_map_path"]}; '
                f'panoptic quality is computed from the former{remedy}'
            )
            yield Fault(FaultKind.AREA, message, record['img_id'], tolerated)
        if bbox is not None and not _is_near(bbox, box):
            message = (
                f'{described} has bbox {bbox}, but is at {box} in {record["seg_map_path"]}{remedy}'
            )
            yield Fault(FaultKind.BBOX, message, record['img_id'], tolerated)


def _is_near(bbox: list[float], box: list[int]) -> bool:
    return len(bbox) == 4 and all(
        abs(given - found) <= BBOX_TOLERANCE for given, found in zip(bbox, box, strict=True)
    )


def _contiguous_ids(ids: np.ndarray, results: dict) -> np.ndarray:
    """Replace the ids of a PNG by the rows of its segments, after a comparison with the JSON."""
    runs = find_runs(ids)
    _compare(runs, results)
    row_of_id = dict(zip(results['segment_ids'], results['segment_rows'], strict=True))
    rows = np.array([row_of_id.get(value, 0) for value in runs.ids.tolist()], dtype=np.int16)
    return runs.replace_ids(rows)


def _compare(runs: IdRuns, record: dict) -> None:
    image = f'image {record["img_id"]} in {record["ann_file"]}'
    check_ids(runs.ids.tolist(), record['segment_ids'], record['seg_map_path'], image)
    if 'segment_areas' in record:
        found = zip(runs.ids.tolist(), runs.areas().tolist(), runs.boxes().tolist(), strict=True)
        refuse(find_measure_faults(found, record, image))

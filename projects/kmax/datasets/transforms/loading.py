"""Reading panoptic PNGs."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from mmengine.fileio import get


@TRANSFORMS.register_module()
class LoadPanopticIds(BaseTransform):
    """Read a panoptic PNG into a map of contiguous segment ids.

    Samples without ``seg_map_path``, as inferencers make them, pass through unchanged.

    Required keys: ``seg_map_path``, ``segment_ids``, ``segment_rows``, ``segment_labels``,
    ``img_id``, ``ori_shape``, ``ann_file``. Added keys: ``gt_seg_map``, an ``(H, W)`` int16 map of
    0 for void and crowd and k for segment k - 1; ``gt_segment_labels``, the ``(n,)`` int64 class of
    each segment.

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
        ids = self._read_ids(results)
        if ids.shape != tuple(results['ori_shape']):
            raise ValueError(
                f'panoptic PNG {results["seg_map_path"]} is {_size(ids.shape)}, but image '
                f'{results["img_id"]} ({results["img_path"]}) is {_size(results["ori_shape"])}'
            )
        results['gt_seg_map'] = _contiguous_ids(ids, results)
        results['gt_segment_labels'] = np.array(results['segment_labels'], dtype=np.int64)
        return results

    def _read_ids(self, results: dict) -> np.ndarray:
        """Return the ``(H, W)`` uint32 ids ``R + 256 G + 65536 B`` of a PNG."""
        path, image = results['seg_map_path'], f'image {results["img_id"]}'
        try:
            content = get(path, backend_args=self.backend_args)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'panoptic PNG {path} of {image} in {results["ann_file"]} does not exist'
            ) from error
        pixels = np.frombuffer(content, np.uint8)
        colors = cv2.imdecode(pixels, cv2.IMREAD_UNCHANGED) if pixels.size else None
        if colors is None:
            raise ValueError(f'panoptic PNG {path} of {image} is truncated or not an image')
        if colors.dtype != np.uint8 or colors.ndim != 3:
            raise ValueError(
                f'panoptic PNG {path} of {image} must have three channels of 8 bits, but has '
                f'{colors.shape[2] if colors.ndim == 3 else 1} of type {colors.dtype}'
            )
        rgba = cv2.cvtColor(colors[..., :3], cv2.COLOR_BGR2RGBA)
        return rgba.view('<u4')[..., 0] & 0xFFFFFF

    def __repr__(self) -> str:
        return f'{type(self).__name__}(backend_args={self.backend_args})'


def _size(shape: tuple[int, int]) -> str:
    return f'{shape[1]}x{shape[0]} pixels'


def _contiguous_ids(ids: np.ndarray, results: dict) -> np.ndarray:
    """Replace the ids of a PNG by the rows of its segments, run by run."""
    flat = ids.ravel()
    starts = np.flatnonzero(np.append(True, flat[1:] != flat[:-1]))
    known = np.array([0, *results['segment_ids']], dtype=np.uint32)
    values = flat[starts]
    places = np.searchsorted(known, values).clip(max=len(known) - 1)
    _check_ids(known, values, places, results)
    rows = np.array([0, *results['segment_rows']], dtype=np.int16)[places]
    return np.repeat(rows, np.diff(starts, append=flat.size)).reshape(ids.shape)


def _check_ids(known: np.ndarray, values: np.ndarray, places: np.ndarray, results: dict) -> None:
    unknown = values[known[places] != values]
    png = f'panoptic PNG {results["seg_map_path"]}'
    segments = f'the segments_info of image {results["img_id"]} in {results["ann_file"]}'
    if unknown.size:
        raise ValueError(f'{png} holds id {unknown[0]}, which is not among {segments}')
    count = np.bincount(places, minlength=len(known))
    if not count[1:].all():
        absent = known[1:][count[1:] == 0][0]
        raise ValueError(f'{png} has no pixel of id {absent}, which is among {segments}')

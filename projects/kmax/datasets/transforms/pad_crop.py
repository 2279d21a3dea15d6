"""Random placement of an image on a canvas of fixed size."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS
from numpy.typing import DTypeLike

from ...runtime.values import check_size
from ...void import IGNORED_LABEL, VOID_ID
from .arrays import contiguous

MID_GREY = 127.5
"""Pixel that normalises to zero."""


@TRANSFORMS.register_module()
class KMaXRandomPadCrop(BaseTransform):
    """Pad with mid-grey and void at a random offset, then take a random crop.

    A side shorter than the crop lies at a random offset within it; of a longer side a random
    window is taken. The image becomes float32, because mid-grey is 127.5. Void is ``VOID_ID`` in a
    map of ids and ``IGNORED_LABEL`` in a map of classes, which mmseg's loader lists in
    ``seg_fields``.

    Required keys: ``img``, ``gt_seg_map`` and ``seg_fields`` (optional). Modified keys: ``img``,
    ``gt_seg_map``, ``img_shape``.

    Args:
        crop_size: ``(height, width)`` of the result.
    """

    def __init__(self, crop_size: tuple[int, int]) -> None:
        check_size('KMaXRandomPadCrop.crop_size', crop_size)
        self.crop_size = crop_size

    @cache_randomness
    def _draw_windows(self, shape: tuple[int, int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Return the visible window of the image and where it lies in the crop."""
        windows = [
            _draw_window(size, crop) for size, crop in zip(shape, self.crop_size, strict=True)
        ]
        return tuple(source for source, _ in windows), tuple(target for _, target in windows)

    def transform(self, results: dict) -> dict:
        """Pad and crop the image and, where it is loaded, the map."""
        source, target = self._draw_windows(results['img'].shape[:2])
        return _place_sample(results, source, target, self.crop_size)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_size={self.crop_size})'


@TRANSFORMS.register_module()
class KMaXPad(BaseTransform):
    """Pad with mid-grey and void at the bottom and on the right, as the port does.

    Keys and values are those of :class:`KMaXRandomPadCrop`.

    Args:
        size: ``(height, width)`` of the result.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        check_size('KMaXPad.size', size)
        self.size = size

    def transform(self, results: dict) -> dict:
        """Pad the image and, where it is loaded, the map."""
        window = tuple(slice(0, length) for length in results['img'].shape[:2])
        return _place_sample(results, window, window, self.size)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size})'


def _draw_window(size: int, crop: int) -> tuple[slice, slice]:
    if size > crop:
        start = np.random.randint(size - crop + 1)
        return slice(start, start + crop), slice(0, crop)
    # The original never draws the last possible offset.
    start = np.random.randint(max(crop - size, 1))
    return slice(0, size), slice(start, start + size)


def _place_sample(
    results: dict,
    source: tuple[slice, ...],
    target: tuple[slice, ...],
    size: tuple[int, int],
) -> dict:
    """Place windows of the image and, where it is loaded, the map on a canvas."""
    image = results['img']
    results['img'] = _place(image, source, target, (*size, image.shape[2]), MID_GREY, np.float32)
    if 'gt_seg_map' in results:
        grid = results['gt_seg_map']
        void = IGNORED_LABEL if 'gt_seg_map' in results.get('seg_fields', ()) else VOID_ID
        results['gt_seg_map'] = _place(grid, source, target, tuple(size), void, grid.dtype)
    results['img_shape'] = tuple(size)
    return results


def _place(
    array: np.ndarray,
    source: tuple[slice, ...],
    target: tuple[slice, ...],
    shape: tuple[int, ...],
    fill: float,
    dtype: DTypeLike,
) -> np.ndarray:
    canvas = np.empty(shape, dtype)
    rows, columns = target
    # Only what remains visible of it: a canvas is as large as its content, or larger.
    for border in (np.s_[: rows.start], np.s_[rows.stop :]):
        canvas[border] = fill
    for border in (np.s_[: columns.start], np.s_[columns.stop :]):
        canvas[rows, border] = fill
    # Flipped ones are five times slower to convert.
    canvas[target] = contiguous(array)[source]
    return canvas

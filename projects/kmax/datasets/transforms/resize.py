"""Resizing with aligned corners, as TensorFlow does it."""

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from kmax_deeplab.resampling import EXACT_WARP, fit_into, nearest_index, resize_aligned

from ...runtime.values import check_number, check_range, check_size
from .arrays import take_grid


def resize_bilinear(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Do as :func:`~kmax_deeplab.resampling.resize_aligned`, by torch where OpenCV is not exact."""
    if not EXACT_WARP:
        return _interpolate(image, height, width)
    return resize_aligned(image, height, width)


def _interpolate(image: np.ndarray, height: int, width: int) -> np.ndarray:
    pixels = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))
    resized = F.interpolate(
        pixels.permute(2, 0, 1)[None], (height, width), mode='bilinear', align_corners=True
    )
    return resized[0].permute(1, 2, 0).contiguous().numpy()


def resize_nearest(ids: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a map ``(h, w)`` to the nearest pixel with aligned corners, halves rounded up."""
    rows, columns = nearest_index(ids.shape[0], height), nearest_index(ids.shape[1], width)
    return take_grid(ids, rows, columns)


def _resize_sample(results: dict, height: int, width: int) -> dict:
    """Resize the image and, where it is loaded, the map."""
    if (height, width) != results['img'].shape[:2]:
        results['img'] = resize_bilinear(results['img'], height, width)
        if 'gt_seg_map' in results:
            results['gt_seg_map'] = resize_nearest(results['gt_seg_map'], height, width)
    results['img_shape'] = (height, width)
    original_height, original_width = results['ori_shape']
    results['scale_factor'] = (width / original_width, height / original_height)
    return results


@TRANSFORMS.register_module()
class KMaXResize(BaseTransform):
    """Resize to the largest size of the same aspect ratio that fits into the crop.

    The size follows the original system's two steps, each rounded down: up to a size that covers
    the crop, then down to one that fits into it. An image that already has that size is left as it
    is, otherwise the result is float32 and not rounded.

    Required keys: ``img``, ``ori_shape``, ``gt_seg_map`` (optional). Modified keys: ``img``,
    ``gt_seg_map``, ``img_shape``. Added key: ``scale_factor``.

    Args:
        crop_size: ``(height, width)`` to fit into.
    """

    def __init__(self, crop_size: tuple[int, int]) -> None:
        check_size('KMaXResize.crop_size', crop_size)
        self.crop_size = crop_size

    def transform(self, results: dict) -> dict:
        """Resize the image and, where it is loaded, the map."""
        return _resize_sample(results, *self.target_size(*results['img'].shape[:2]))

    def target_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width to which an image of the given size is resized."""
        return fit_into((height, width), self.crop_size)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_size={self.crop_size})'


@TRANSFORMS.register_module()
class KMaXRandomScale(BaseTransform):
    """Large-scale jitter: resize by one of a few evenly spaced factors.

    Required keys: ``img``, ``ori_shape``, ``gt_seg_map`` (optional). Modified keys: ``img``,
    ``gt_seg_map``, ``img_shape``, ``scale_factor``.

    Args:
        scale_range: Smallest and largest factor.
        num_scales: Number of factors, the two ends included.
    """

    def __init__(self, scale_range: tuple[float, float], num_scales: int) -> None:
        check_range('KMaXRandomScale.scale_range', scale_range)
        check_number('KMaXRandomScale.num_scales', num_scales, 1, whole=True)
        self.scales = np.linspace(*scale_range, num_scales, dtype=np.float32)

    @cache_randomness
    def _draw_scale(self) -> np.float32:
        return np.random.choice(self.scales)

    def transform(self, results: dict) -> dict:
        """Resize the image and, where it is loaded, the map."""
        scale = self._draw_scale()
        # In float32, as the original: 70 times float32(0.7) is 49 there, but 48.99... in float64.
        height, width = (max(int(np.float32(n) * scale), 1) for n in results['img'].shape[:2])
        return _resize_sample(results, height, width)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scales={self.scales.tolist()})'

"""Large-scale jitter of the PyTorch port: resizing with Pillow by a continuous factor."""

import numpy as np
from mmcv.image import imresize
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from kmax_deeplab.resampling import pillow_nearest_index

from ...runtime.values import check_range, check_size
from .arrays import take_grid


@TRANSFORMS.register_module()
class KMaXResizeScale(BaseTransform):
    """Resize to fit into a randomly scaled target size, keeping the aspect ratio, as the port does.

    The image is interpolated by Pillow, which low-pass filters when it shrinks, and stays uint8;
    the map takes the pixels Pillow's nearest filter takes. The scale is drawn from numpy.

    Required keys: ``img``, ``ori_shape``, ``gt_seg_map`` (optional). Modified keys: ``img``,
    ``gt_seg_map``, ``img_shape``. Added key: ``scale_factor``.

    Args:
        target_size: ``(height, width)`` to fit into at scale 1.
        scale_range: Smallest and largest scale.
    """

    def __init__(self, target_size: tuple[int, int], scale_range: tuple[float, float]) -> None:
        check_size('KMaXResizeScale.target_size', target_size)
        check_range('KMaXResizeScale.scale_range', scale_range)
        self.target_size = target_size
        self.scale_range = scale_range

    @cache_randomness
    def _draw_scale(self) -> float:
        return np.random.uniform(*self.scale_range)

    def transform(self, results: dict) -> dict:
        """Resize the image and, where it is loaded, the map."""
        old_height, old_width = results['img'].shape[:2]
        height, width = self.scaled_size(old_height, old_width, self._draw_scale())
        # Whole, though a part is kept: for one Pillow's ``box`` gives 0.2 % of the levels one off.
        results['img'] = imresize(results['img'], (width, height), backend='pillow')
        if 'gt_seg_map' in results:
            rows = pillow_nearest_index(old_height, height)
            columns = pillow_nearest_index(old_width, width)
            results['gt_seg_map'] = take_grid(results['gt_seg_map'], rows, columns)
        results['img_shape'] = (height, width)
        original_height, original_width = results['ori_shape']
        results['scale_factor'] = (width / original_width, height / original_height)
        return results

    def scaled_size(self, height: int, width: int, scale: float) -> tuple[int, int]:
        """Return the size to which an image is resized at a scale, halves rounded to even."""
        target_height, target_width = self.target_size
        factor = min(target_height * scale / height, target_width * scale / width)
        return max(round(height * factor), 1), max(round(width * factor), 1)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(target_size={self.target_size}, scale_range={self.scale_range})'
        )

"""Rejecting samples in which hardly anything is labelled."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

from ...runtime.values import check_counts
from .segments import keep_segments


@TRANSFORMS.register_module()
class KMaXFilterLabels(BaseTransform):
    """Drop segments without a pixel in the masks, and samples with few labelled pixels.

    Counted are the pixels at every ``stride``-th position, those the losses see. For a dropped
    sample the data set takes another random image, as the port does.

    Required and modified keys: ``gt_seg_map``, ``gt_segment_labels``.

    Args:
        min_pixels: A sample is kept if more pixels than this are labelled.
        stride: Step between the pixels of a mask.
    """

    def __init__(self, min_pixels: int = 4096, stride: int = 4) -> None:
        check_counts('KMaXFilterLabels', 0, min_pixels=min_pixels)
        check_counts('KMaXFilterLabels', stride=stride)
        self.min_pixels = min_pixels
        self.stride = stride

    def transform(self, results: dict) -> dict | None:
        """Drop segments of one sample, or the sample: then None is returned."""
        labels, ids = results['gt_segment_labels'], results['gt_seg_map']
        counts = np.bincount(
            ids[:: self.stride, :: self.stride].ravel(), minlength=len(labels) + 1
        )[1:]
        if not counts.any() or counts.sum() <= self.min_pixels:
            return None
        results['gt_seg_map'], results['gt_segment_labels'] = keep_segments(ids, labels, counts > 0)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(min_pixels={self.min_pixels}, stride={self.stride})'

"""The last step of a pipeline: tensors and data samples."""

from typing import Any

import numpy as np
import torch
from mmdet.datasets.transforms import PackDetInputs
from mmdet.registry import TRANSFORMS
from mmengine.structures import InstanceData, PixelData

from ...void import IGNORED_LABEL
from .arrays import contiguous, count_ids, planes
from .segments import keep_segments


@TRANSFORMS.register_module()
class PackKMaXInputs(PackDetInputs):
    """Pack an image and its panoptic ids.

    Where the ids are loaded, the data sample holds

    * ``gt_panoptic_seg``: ``PixelData(ids=(1, H, W))`` int16, 0 for void, k > 0 for segment k - 1;
    * ``gt_segments``: ``InstanceData(labels=(n,))`` int64;
    * ``gt_sem_seg``: ``PixelData(sem_seg=(1, H, W))`` uint8, ``IGNORED_LABEL`` for
      void, if asked for.

    Segments without a pixel, cropped away or pasted over, are left out: they would count towards
    the most masks of an image.

    Args:
        with_sem_seg: Whether to add the semantic map, which mmdet's ``SemSegMetric`` compares with
            at test time. The ids must then be loaded after the image was resized.
        **kwargs: Arguments of mmdet's ``PackDetInputs``.
    """

    def __init__(self, with_sem_seg: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.with_sem_seg = with_sem_seg

    def transform(self, results: dict) -> dict:
        """Return ``inputs``, the ``(3, H, W)`` image, and ``data_samples``."""
        ids = results.get('gt_seg_map')
        others = {k: v for k, v in results.items() if k not in ('img', 'gt_seg_map')}
        packed = super().transform(others)
        packed['inputs'] = torch.from_numpy(planes(results['img']))
        if ids is None:
            return packed
        sample = packed['data_samples']
        labels = results['gt_segment_labels']
        ids = contiguous(ids)
        seen = count_ids(ids, len(labels) + 1)[1:] > 0
        if not seen.all():
            ids, labels = keep_segments(ids, labels, seen)
        sample.gt_panoptic_seg = PixelData(ids=torch.from_numpy(ids[None]))
        sample.gt_segments = InstanceData(labels=torch.from_numpy(labels))
        if self.with_sem_seg:
            if labels.max(initial=0) >= IGNORED_LABEL:
                raise ValueError(
                    f'PackKMaXInputs: with_sem_seg makes maps of 8 bits, in which {IGNORED_LABEL} '
                    f'is void, but image {results.get("img_path")} has a segment of class '
                    f'{labels.max()}: leave out with_sem_seg, and use KMaXSemanticMetric'
                )
            table = np.append(IGNORED_LABEL, labels).astype(np.uint8)
            sample.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(table[ids[None]]))
        return packed

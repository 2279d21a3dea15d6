"""mIoU while testing."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from mmdet.registry import METRICS
from numpy.typing import NDArray

from kmax_deeplab.id_runs import count_overlaps

from .annotated_metric import AnnotatedMetric
from .image_metric import known_label
from .semantic import summarise_areas


@METRICS.register_module()
class KMaXSemanticMetric(AnnotatedMetric):
    """mIoU, mean accuracy and pixel accuracy by mmsegmentation's definitions.

    The labels come from panoptic annotations, so that the test pipeline need not load any; void and
    crowd are ignored. Pixels are counted in integers, and the figures are not rounded, both unlike
    mmdet's ``SemSegMetric``.

    Takes the arguments of :class:`AnnotatedMetric` and :class:`ImageMetric`; ``prefix`` is
    ``'semantic'`` by default. The figures are ``mIoU``, ``mAcc`` and ``aAcc`` in percent.
    """

    default_prefix = 'semantic'
    task = 'semantic'

    def examine(self, sample: dict) -> Callable[[], NDArray[np.int64]]:
        """Take ``pred_sem_seg``, labels ``(1, H, W)``, and return the counting.

        A ValueError says when the model predicts no semantic map.
        """
        if 'pred_sem_seg' not in sample:
            raise ValueError(
                f'{type(self).__name__} needs semantic predictions: set '
                'model.test_cfg.semantic_on=True'
            )
        sem_seg = torch.as_tensor(sample['pred_sem_seg']['sem_seg'])[0]
        return partial(self._count, sample['img_id'], sem_seg.cpu().numpy())

    def average(self, outcomes: dict[Any, NDArray[np.int64]]) -> dict[str, float]:
        """Average pixel counts ``(3, K)`` over the classes that occur."""
        zero = np.zeros((3, len(self.dataset_meta['classes'])), np.int64)
        summary: dict[str, Any] = summarise_areas(sum(outcomes.values(), start=zero))
        rows = zip(self.dataset_meta['classes'], summary['IoU'], summary['Acc'], strict=True)
        table = ((name, f'{100 * iou:.2f}', f'{100 * acc:.2f}') for name, iou, acc in rows)
        self.show_classes(('IoU', 'Acc'), table)
        return {name: 100 * summary[name] for name in ('mIoU', 'mAcc', 'aAcc')}

    @cached_property
    def _label_of_category(self) -> dict[int, int]:
        return {category: label for label, category in enumerate(self.category_of_label)}

    def _count(self, img_id: Any, pred: NDArray[np.integer]) -> NDArray[np.int64]:
        ids, segments, _ = self.ground_truth.read(img_id, pred.shape)
        label_of_id = {
            segment['id']: self._label_of_category.get(segment['category_id'])
            for segment in segments
            if segment.get('iscrowd', 0) != 1
        }
        areas = np.zeros((3, len(self._label_of_category)), np.int64)
        intersection, predicted, annotated = areas
        for (gt_id, pred_label), pixels in count_overlaps(ids, pred).items():
            gt_label = label_of_id.get(gt_id)
            if gt_label is None:
                continue
            annotated[gt_label] += pixels
            predicted[known_label(pred_label, areas.shape[1], img_id)] += pixels
            if pred_label == gt_label:
                intersection[gt_label] += pixels
        return areas

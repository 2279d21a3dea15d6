"""mIoU while testing."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from mmdet.registry import METRICS
from mmengine.logging import MMLogger, print_log
from numpy.typing import NDArray
from terminaltables import AsciiTable

from ..panoptic.id_runs import count_overlaps
from .ground_truth import shared_ground_truth
from .image_metric import ImageMetric
from .semantic import summarise_areas


@METRICS.register_module()
class KMaXSemanticMetric(ImageMetric):
    """mIoU, mean accuracy and pixel accuracy by mmsegmentation's definitions.

    The labels come from panoptic annotations, so that the test pipeline need not load any; void and
    crowd are ignored. Pixels are counted in integers, and the figures are not rounded, both unlike
    mmdet's ``SemSegMetric``.

    Args:
        ann_file: Panoptic JSON. Its categories are found by the data set's class names.
        seg_prefix: Folder of the annotated PNGs.
        classwise: Also print a table of all classes.
        collect_device: Device on which processes exchange results.
        prefix: First part of the names of the results, ``'semantic'`` by default.

    Raises:
        FileNotFoundError: When ``ann_file``, ``seg_prefix`` or all PNGs in it are missing.
        ValueError: When ``ann_file`` is no panoptic JSON.
    """

    default_prefix = 'semantic'

    def __init__(
        self,
        ann_file: str,
        seg_prefix: str,
        classwise: bool = False,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.classwise = classwise
        self.ground_truth = shared_ground_truth(type(self).__name__, ann_file, seg_prefix)

    def examine(self, sample: dict) -> Callable[[], NDArray[np.int64]]:
        """Take the prediction of one image.

        Args:
            sample: Data sample as a dict, with ``pred_sem_seg``, whose ``sem_seg`` ``(1, H, W)``
                holds labels.

        Returns:
            The counting, which raises what :meth:`PanopticGroundTruth.read` does.

        Raises:
            ValueError: When the model predicts no semantic map.
        """
        if 'pred_sem_seg' not in sample:
            raise ValueError(
                f'{type(self).__name__} needs semantic predictions: set '
                'model.test_cfg.semantic_on=True'
            )
        sem_seg = torch.as_tensor(sample['pred_sem_seg']['sem_seg'])[0]
        return partial(self._count, sample['img_id'], sem_seg.cpu().numpy())

    def average(self, outcomes: dict[Any, NDArray[np.int64]]) -> dict[str, float]:
        """Average over the classes that occur.

        Args:
            outcomes: Pixel counts ``(3, K)`` of each image.

        Returns:
            ``mIoU``, ``mAcc`` and ``aAcc`` in percent.
        """
        zero = np.zeros((3, len(self.dataset_meta['classes'])), np.int64)
        summary: dict[str, Any] = summarise_areas(sum(outcomes.values(), start=zero))
        if self.classwise:
            rows = zip(self.dataset_meta['classes'], summary['IoU'], summary['Acc'], strict=True)
            table = [(name, f'{100 * iou:.2f}', f'{100 * acc:.2f}') for name, iou, acc in rows]
            print_log(
                '\n' + AsciiTable([('class', 'IoU', 'Acc'), *table]).table,
                logger=MMLogger.get_current_instance(),
            )
        return {name: 100 * summary[name] for name in ('mIoU', 'mAcc', 'aAcc')}

    @cached_property
    def _label_of_category(self) -> dict[int, int]:
        categories = self.ground_truth.categories_of(self.dataset_meta['classes'])
        return {category: label for label, category in enumerate(categories)}

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
            if pred_label < areas.shape[1]:
                predicted[pred_label] += pixels
            if pred_label == gt_label:
                intersection[gt_label] += pixels
        return areas

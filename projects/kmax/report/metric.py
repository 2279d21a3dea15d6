"""The evaluator behind ``tools/test.py --report``."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..evaluation.annotated_metric import AnnotatedMetric
from ..evaluation.matching import pair_segments
from ..evaluation.panoptic_metric import overlap_prediction, predicted_map
from .page import write_report
from .pictures import Extremes, ImageRecord
from .statistics import examine_image, score_segments

SCORES = ('instance_scores', 'semantic_scores')


class ReportMetric(AnnotatedMetric):
    """Looks at each prediction as :class:`KMaXPanopticMetric` does, and writes a report.

    It gives no figures of its own. Counts are collected from all processes, and the maps of those
    images that may be drawn.

    Args:
        folder: Where ``report.html`` and ``report.json`` are written.
        origin: What :func:`describe_origin` returns.
        dataset_meta: Classes, and their colours, of the data set.
        truth: ``ann_file`` and ``seg_prefix``.
    """

    default_prefix = 'report'

    def __init__(
        self,
        folder: Path,
        origin: Mapping[str, Any],
        dataset_meta: Mapping[str, Any],
        **truth: str,
    ) -> None:
        super().__init__(**truth)
        self.folder = folder
        self.origin = origin
        self.dataset_meta = dict(dataset_meta)
        self._extremes = Extremes()

    def examine(self, sample: dict) -> Callable[[], ImageRecord]:
        """Take the predicted map and its scores, and return the counting.

        A ValueError says when the model predicts no panoptic map.
        """
        if 'pred_panoptic_seg' not in sample:
            raise ValueError(
                '--report needs panoptic predictions: set model.test_cfg.panoptic_on=True'
            )
        pixels = sample['pred_panoptic_seg']
        maps = [pixels.get(name) for name in SCORES]
        scores = [torch.as_tensor(values)[0].cpu().numpy() for values in maps if values is not None]
        return partial(
            self._examine,
            sample['img_id'],
            sample.get('img_path'),
            predicted_map(sample),
            scores if len(scores) == len(SCORES) else None,
        )

    def average(self, outcomes: dict[Any, ImageRecord]) -> dict[str, float]:
        """Write the report."""
        write_report(
            self.folder,
            self.origin,
            self.ground_truth,
            self.category_of_label,
            self.dataset_meta,
            outcomes,
        )
        return {}

    def _examine(
        self,
        img_id: Any,
        path: str | None,
        pred: NDArray[np.int32],
        maps: Sequence[NDArray[np.floating]] | None,
    ) -> ImageRecord:
        compared = overlap_prediction(self.ground_truth, self.category_of_label, img_id, pred)
        scores = None if maps is None else score_segments(pred, maps)
        gt_ids, _, _ = self.ground_truth.read(img_id, pred.shape)
        statistics = examine_image(gt_ids, pred, compared[0], pair_segments(*compared), scores)
        record = ImageRecord(img_id, path, statistics)
        self._extremes.offer(record, pred)
        return record

"""Panoptic quality while testing."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmdet.evaluation.metrics.coco_panoptic_metric import parse_pq_results, print_panoptic_table
from mmdet.registry import METRICS
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from ..panoptic.id_runs import Overlaps, count_overlaps
from ..panoptic.segments import measure_segments, prediction_ids
from ..void import is_void
from .export import PanopticExport
from .ground_truth import shared_ground_truth
from .image_metric import ImageMetric
from .matching import Matches, match_segments, sum_matches, summarise


@dataclass(frozen=True)
class PanopticOutcome:
    """What is kept of an image.

    Attributes:
        matches: Outcome of each category, None if nothing is compared.
        exported: Its entry in the JSON of the predictions, None if nothing is written.
    """

    matches: dict[int, Matches] | None
    exported: dict[str, Any] | None


@METRICS.register_module()
class KMaXPanopticMetric(ImageMetric):
    """PQ, SQ and RQ equal to panopticapi's, without writing predictions to disk.

    Every image is matched as soon as it is predicted; only counts are kept and collected from
    other processes.

    Args:
        ann_file: Panoptic JSON. Its categories are found by the data set's class names.
        seg_prefix: Folder of the annotated PNGs; not needed with ``format_only``.
        classwise: Also print a table of all classes.
        format_only: Only write the predictions, as the test servers of COCO and Cityscapes take
            them.
        outfile_prefix: Write predictions to ``{outfile_prefix}.panoptic.json`` and the folder
            ``{outfile_prefix}.panoptic``; both appear when all images are predicted.
        collect_device: Device on which processes exchange results.
        prefix: First part of the names of the results, ``'coco_panoptic'`` by default.

    Raises:
        FileNotFoundError: When ``ann_file``, ``seg_prefix`` or all PNGs in it are missing.
        ValueError: When there is nowhere to write to with ``format_only``, or nothing to compare
            with without it, or ``ann_file`` is no panoptic JSON.
    """

    default_prefix = 'coco_panoptic'

    def __init__(
        self,
        ann_file: str,
        seg_prefix: str | None = None,
        classwise: bool = False,
        format_only: bool = False,
        outfile_prefix: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and outfile_prefix is None:
            raise ValueError('format_only=True needs outfile_prefix: where to write predictions')
        if not format_only and seg_prefix is None:
            raise ValueError('seg_prefix, the folder of the annotated PNGs, must be given')
        self.classwise = classwise
        self.format_only = format_only
        folder = None if format_only else seg_prefix
        self.ground_truth = shared_ground_truth(type(self).__name__, ann_file, folder)
        self.export = PanopticExport(outfile_prefix) if outfile_prefix else None

    def examine(self, sample: dict) -> Callable[[], PanopticOutcome]:
        """Take the prediction of one image.

        Args:
            sample: Data sample as a dict, with ``pred_panoptic_seg``, whose ``sem_seg``
                ``(1, H, W)`` holds ``label + instance * 1000`` and the number of classes for void.

        Returns:
            The matching, which raises a FileNotFoundError when the annotated PNG is missing, and a
            ValueError when the image is not annotated, its annotation cannot be read or names an
            unknown category, or its size differs from that of the prediction.
        """
        sem_seg = torch.as_tensor(sample['pred_panoptic_seg']['sem_seg'])[0]
        # A copy, as mmdet's metric would change it.
        pred = sem_seg.to('cpu', torch.int32, copy=True).numpy()
        return partial(self._examine, sample['img_id'], sample.get('img_path', ''), pred)

    def average(self, outcomes: dict[Any, PanopticOutcome]) -> dict[str, float]:
        """Average over the categories, and complete what is written.

        Args:
            outcomes: What was found for each image.

        Returns:
            ``PQ``, ``SQ``, ``RQ`` and the same for things (``_th``) and stuff (``_st``), in
            percent; nothing with ``format_only``.
        """
        self.publish(outcomes)
        if self.format_only:
            return {}
        matches = (o.matches for o in outcomes.values() if o.matches is not None)
        summary = summarise(sum_matches(matches), self.ground_truth.categories)
        per_class = None
        if self.classwise:
            names = self.dataset_meta['classes']
            values = (summary['per_class'][category] for category in self._category_of_label)
            per_class = dict(zip(names, values, strict=True))
        print_panoptic_table(summary, per_class, logger=MMLogger.get_current_instance())
        return parse_pq_results(summary)

    def publish(self, outcomes: dict[Any, PanopticOutcome]) -> None:
        """Complete what is written, if anything is."""
        if self.export is not None:
            self.export.publish([o.exported for o in outcomes.values() if o.exported is not None])

    def compare(self, img_id: Any, pred: NDArray[np.int32]) -> dict[int, Matches] | None:
        """Match the prediction of one image, ids ``(H, W)``, with its annotation."""
        gt_ids, segments, image = self.ground_truth.read(img_id, pred.shape)
        overlaps = count_overlaps(gt_ids, pred)
        return self.match(overlaps, segments, self._pred_categories(overlaps), image)

    def match(
        self,
        overlaps: Overlaps,
        segments: list[dict],
        pred_categories: dict[int, int],
        image: str,
    ) -> dict[int, Matches]:
        """Match the segments of one image, see :func:`match_segments`."""
        return match_segments(overlaps, segments, pred_categories, image)

    @cached_property
    def _category_of_label(self) -> list[int]:
        return self.ground_truth.categories_of(self.dataset_meta['classes'])

    def _examine(self, img_id: Any, img_path: str, pred: NDArray[np.int32]) -> PanopticOutcome:
        return PanopticOutcome(
            matches=None if self.format_only else self.compare(img_id, pred),
            exported=self._write(self.export, img_id, img_path, pred) if self.export else None,
        )

    def _pred_categories(self, overlaps: Overlaps) -> dict[int, int]:
        categories = self._category_of_label
        present = sorted({pred_id for _, pred_id in overlaps})
        return {
            pred_id: categories[pred_id % INSTANCE_OFFSET]
            for pred_id in present
            if not is_void(pred_id, len(categories))
        }

    def _write(
        self, export: PanopticExport, img_id: Any, img_path: str, pred: NDArray[np.int32]
    ) -> dict[str, Any]:
        """Write one PNG, void as id 0; return its entry in the JSON."""
        annotation = self.ground_truth.annotations.get(img_id)
        name = annotation['file_name'] if annotation else Path(img_path).stem + '.png'
        ids = prediction_ids(pred, ~is_void(pred, len(self._category_of_label)))
        export.add(name, ids)
        segments = measure_segments(ids, self._describe)
        return dict(image_id=img_id, file_name=name, segments_info=segments)

    def _describe(self, segment_id: int) -> dict[str, int]:
        category = self._category_of_label[(segment_id - 1) % INSTANCE_OFFSET]
        is_thing = int(self.ground_truth.categories[category]['isthing'])
        return dict(category_id=category, isthing=is_thing)

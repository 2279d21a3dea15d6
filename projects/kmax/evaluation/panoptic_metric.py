"""Panoptic quality while testing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmdet.evaluation.metrics.coco_panoptic_metric import parse_pq_results, print_panoptic_table
from mmdet.registry import METRICS
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from kmax_deeplab.id_runs import Overlaps, count_overlaps
from kmax_deeplab.paths import refuse_shared_names

from ..panoptic.segments import measure_segments, prediction_ids
from ..void import is_void
from .annotated_metric import AnnotatedMetric
from .export import PanopticExport
from .file_metric import FileMetric
from .file_names import own_name, prediction_names
from .ground_truth import PanopticGroundTruth
from .image_metric import known_label
from .matching import Matches, match_segments, sum_matches, summarise

Matching = Callable[[Overlaps, list[dict], dict[int, int], str], dict[int, Matches]]
"""Rules by which segments match, see :func:`match_segments`."""


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
class KMaXPanopticMetric(AnnotatedMetric, FileMetric):
    """PQ, SQ and RQ equal to panopticapi's, without writing predictions to disk.

    Every image is matched as soon as it is predicted; only counts are kept and collected from
    other processes. The figures are in percent: ``PQ``, ``SQ``, ``RQ`` and the same for things
    (``_th``) and stuff (``_st``).

    Takes the arguments of :class:`AnnotatedMetric` and :class:`FileMetric`. What is written, as the
    test servers of COCO and Cityscapes take it, is ``{outfile_prefix}.panoptic.json`` and the
    folder ``{outfile_prefix}.panoptic``. Its PNGs have the names of the annotations, or of the
    images where there are none, with their folders where several have one name. ``prefix`` is
    ``'coco_panoptic'`` by default.
    """

    default_prefix = 'coco_panoptic'
    suffixes = PanopticExport.suffixes

    def __init__(self, ann_file: str, seg_prefix: str | None = None, **options: Any) -> None:
        super().__init__(ann_file, seg_prefix, **options)
        self._names = prediction_names(self.ground_truth) if self.destinations else {}

    def examine(self, sample: dict) -> Callable[[], PanopticOutcome]:
        """Take ``pred_panoptic_seg``, see :func:`predicted_map`, and return the matching."""
        pred = predicted_map(sample)
        return partial(self._examine, sample['img_id'], sample.get('img_path', ''), pred)

    def publish(self, outcomes: dict[Any, PanopticOutcome]) -> None:
        """Write the JSON and give the folder of the PNGs its name."""
        entries = [o.exported for o in outcomes.values() if o.exported is not None]
        owners = ((entry['file_name'], f'image {entry["image_id"]}') for entry in entries)
        refuse_shared_names(owners, self.ground_truth.ann_file)
        PanopticExport(str(self.outfile_prefix)).publish(entries)

    def figures(self, outcomes: dict[Any, PanopticOutcome]) -> dict[str, float]:
        """Average over the categories."""
        matches = (o.matches for o in outcomes.values() if o.matches is not None)
        return report_quality(summarise(sum_matches(matches), self.ground_truth.categories), self)

    def compare(self, img_id: Any, pred: NDArray[np.int32]) -> dict[int, Matches] | None:
        """Match the prediction of one image, ids ``(H, W)``, with its annotation."""
        return match_prediction(self.ground_truth, self.category_of_label, img_id, pred)

    def _examine(self, img_id: Any, img_path: str, pred: NDArray[np.int32]) -> PanopticOutcome:
        return PanopticOutcome(
            matches=None if self.format_only else self.compare(img_id, pred),
            exported=self._write(img_id, img_path, pred) if self.outfile_prefix else None,
        )

    def _write(self, img_id: Any, img_path: str, pred: NDArray[np.int32]) -> dict[str, Any]:
        """Write one PNG; return its entry in the JSON."""
        name = self._names.get(img_id) or own_name(img_path)
        ids = prediction_ids(pred, ~is_void(pred, len(self.category_of_label)))
        PanopticExport(str(self.outfile_prefix)).add(name, ids)
        segments = measure_segments(ids, partial(self._describe, img_id))
        return dict(image_id=img_id, file_name=name, segments_info=segments)

    def _describe(self, img_id: Any, segment_id: int) -> dict[str, int]:
        label = (segment_id - 1) % INSTANCE_OFFSET
        category = self.category_of_label[known_label(label, len(self.category_of_label), img_id)]
        is_thing = int(self.ground_truth.categories[category]['isthing'])
        return dict(category_id=category, isthing=is_thing)


def predicted_map(sample: dict) -> NDArray[np.int32]:
    """Return a copy of a data sample's ``pred_panoptic_seg``, ``label + 1000 * instance (H, W)``.

    mmdet's metric changes the original.
    """
    sem_seg = torch.as_tensor(sample['pred_panoptic_seg']['sem_seg'])[0]
    return sem_seg.to('cpu', torch.int32, copy=True).numpy()


def match_prediction(
    truth: PanopticGroundTruth,
    category_of_label: Sequence[int],
    img_id: Any,
    pred: NDArray[np.int32],
    match: Matching = match_segments,
) -> dict[int, Matches]:
    """Match a predicted map ``(H, W)`` with its annotation, which is read; raises as that does."""
    return match(*overlap_prediction(truth, category_of_label, img_id, pred))


def overlap_prediction(
    truth: PanopticGroundTruth,
    category_of_label: Sequence[int],
    img_id: Any,
    pred: NDArray[np.int32],
) -> tuple[Overlaps, list[dict], dict[int, int], str]:
    """Read the annotation of a predicted map ``(H, W)``; return what :func:`match_segments` takes.

    It raises as :meth:`PanopticGroundTruth.read` does, and where a label is no class.
    """
    gt_ids, segments, image = truth.read(img_id, pred.shape)
    overlaps = count_overlaps(gt_ids, pred)
    truth.doubts.look(overlaps, segments, truth.png_of(img_id), img_id)
    count = len(category_of_label)
    pred_categories = {
        pred_id: category_of_label[known_label(pred_id % INSTANCE_OFFSET, count, img_id)]
        for pred_id in sorted({pred_id for _, pred_id in overlaps})
        if not is_void(pred_id, count)
    }
    return overlaps, segments, pred_categories, image


def report_quality(summary: dict[str, dict], metric: AnnotatedMetric) -> dict[str, float]:
    """Return a metric's figures from what :func:`summarise` gives, and print their table."""
    per_class = None
    if metric.classwise:
        classes = metric.dataset_meta['classes']
        values = (summary['per_class'][category] for category in metric.category_of_label)
        per_class = dict(zip(classes, values, strict=True))
    print_panoptic_table(summary, per_class, logger=MMLogger.get_current_instance())
    return parse_pq_results(summary)

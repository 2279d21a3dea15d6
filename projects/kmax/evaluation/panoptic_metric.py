"""Panoptic quality while testing."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmdet.evaluation.metrics.coco_panoptic_metric import parse_pq_results, print_panoptic_table
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from ..atomic_file import write_atomically
from ..panoptic_format import (
    SEGMENT_FIELDS,
    VOID,
    check_segments,
    index_annotations,
    orientation_hint,
    read_panoptic_json,
    read_panoptic_png,
    write_panoptic_png,
)
from .matching import (
    Matches,
    Overlaps,
    count_overlaps,
    match_segments,
    sum_matches,
    summarise,
)


@METRICS.register_module()
class KMaXPanopticMetric(BaseMetric):
    """PQ, SQ and RQ equal to panopticapi's, without writing predictions to disk.

    Every image is matched as soon as it is predicted; only counts are kept and collected from
    other processes.

    Args:
        ann_file: Panoptic JSON. Its categories are found by the data set's class names.
        seg_prefix: Folder of the annotated PNGs; not needed with ``format_only``.
        classwise: Also print a table of all classes.
        format_only: Only write the predictions.
        outfile_prefix: Write predictions to ``{outfile_prefix}.panoptic.json`` and the folder
            ``{outfile_prefix}.panoptic``.
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
        self.ann_file = ann_file
        self.seg_prefix = seg_prefix
        self.classwise = classwise
        self.format_only = format_only
        self.outfile_prefix = outfile_prefix
        self._check_files()

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Match, and write if asked, the predictions of one batch.

        Args:
            data_batch: Unused.
            data_samples: Data samples as dicts, with ``pred_panoptic_seg``, whose ``sem_seg``
                ``(1, H, W)`` holds ``label + instance * 1000`` and the number of classes for void.

        Raises:
            FileNotFoundError: When the annotated PNG is missing.
            ValueError: When an image is not annotated, its annotation cannot be read or names an
                unknown category, or its size differs from that of the annotation.
        """
        for sample in data_samples:
            pred = torch.as_tensor(sample['pred_panoptic_seg']['sem_seg']).cpu().numpy()[0]
            matches = None if self.format_only else self._match(sample['img_id'], pred)
            written = self._write(sample, pred) if self.outfile_prefix else None
            self.results.append((matches, written))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Average over the categories.

        Args:
            results: What :meth:`process` found for each image.

        Returns:
            ``PQ``, ``SQ``, ``RQ`` and the same for things (``_th``) and stuff (``_st``), in
            percent; nothing with ``format_only``.
        """
        if self.outfile_prefix:
            content = json.dumps(dict(annotations=[written for _, written in results]))
            write_atomically(Path(f'{self.outfile_prefix}.panoptic.json'), content.encode())
        if self.format_only:
            return {}
        summary = summarise(sum_matches(matches for matches, _ in results), self._categories)
        per_class = None
        if self.classwise:
            names = self.dataset_meta['classes']
            values = (summary['per_class'][category] for category in self._category_of_label)
            per_class = dict(zip(names, values, strict=True))
        print_panoptic_table(summary, per_class, logger=MMLogger.get_current_instance())
        return parse_pq_results(summary)

    def _check_files(self) -> None:
        """Find wrong paths when the run starts, not at the first validation hours later."""
        annotations = self._annotations.values()
        if self.format_only:
            return
        if not Path(self.seg_prefix or '').is_dir():
            raise FileNotFoundError(
                f'seg_prefix of KMaXPanopticMetric: {self.seg_prefix} is not a folder'
            )
        if annotations and not any(
            (Path(self.seg_prefix or '') / annotation['file_name']).is_file()
            for annotation in annotations
        ):
            raise FileNotFoundError(
                f'seg_prefix of KMaXPanopticMetric: the folder {self.seg_prefix} holds no PNG of '
                f'{self.ann_file}, such as {next(iter(annotations))["file_name"]}'
            )

    @cached_property
    def _json(self) -> dict[str, Any]:
        fields = ('categories',) if self.format_only else ('categories', 'annotations')
        return read_panoptic_json(self.ann_file, fields)

    @cached_property
    def _categories(self) -> dict[int, dict]:
        return {category['id']: category for category in self._json['categories']}

    @cached_property
    def _annotations(self) -> dict[int, dict]:
        return index_annotations(self._json.get('annotations', ()), self.ann_file)

    @cached_property
    def _category_of_label(self) -> list[int]:
        by_name = {category['name']: category['id'] for category in self._json['categories']}
        classes = self.dataset_meta['classes']
        unknown = [name for name in classes if name not in by_name]
        if unknown:
            raise ValueError(f'classes {unknown} are not among the categories of {self.ann_file}')
        return [by_name[name] for name in classes]

    def _match(self, img_id: int, pred: NDArray[np.integer]) -> dict[int, Matches]:
        if img_id not in self._annotations:
            raise ValueError(f'image {img_id} has no annotation in {self.ann_file}')
        annotation = self._annotations[img_id]
        check_segments(annotation, self._categories, self.ann_file, (*SEGMENT_FIELDS, 'area'))
        path = Path(self.seg_prefix or '') / annotation['file_name']
        gt_ids = read_panoptic_png(path, f'image {img_id}')
        if gt_ids.shape != pred.shape:
            raise ValueError(
                f'image {img_id}: the prediction has size {pred.shape}, but annotation {path} has '
                f'{gt_ids.shape}{orientation_hint(gt_ids.shape, pred.shape)}'
            )
        overlaps = count_overlaps(gt_ids, pred)
        image = f'image {img_id} ({path})'
        return match_segments(
            overlaps, annotation['segments_info'], self._pred_categories(overlaps), image
        )

    def _pred_categories(self, overlaps: Overlaps) -> dict[int, int]:
        categories = self._category_of_label
        void = len(categories)
        present = sorted({pred_id for _, pred_id in overlaps})
        return {
            pred_id: categories[pred_id % INSTANCE_OFFSET]
            for pred_id in present
            if pred_id % INSTANCE_OFFSET != void
        }

    def _write(self, sample: dict, pred: NDArray[np.integer]) -> dict[str, Any]:
        """Write one PNG, void as id 0; return its entry in the JSON."""
        annotation = self._annotations.get(sample['img_id'])
        name = annotation['file_name'] if annotation else Path(sample['img_path']).stem + '.png'
        ids = np.where(pred % INSTANCE_OFFSET == len(self._category_of_label), VOID, pred + 1)
        write_panoptic_png(Path(f'{self.outfile_prefix}.panoptic') / name, ids)
        overlaps = count_overlaps(np.zeros_like(pred), pred)
        segments = [
            dict(
                id=pred_id + 1,
                category_id=category,
                isthing=int(self._categories[category]['isthing']),
                area=overlaps[0, pred_id],
            )
            for pred_id, category in self._pred_categories(overlaps).items()
        ]
        return dict(image_id=sample['img_id'], file_name=name, segments_info=segments)

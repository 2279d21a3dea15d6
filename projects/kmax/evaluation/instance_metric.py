"""Mask AP while testing."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.registry import METRICS
from mmengine.logging import MMLogger, print_log
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from terminaltables import AsciiTable

from kmax_deeplab.atomic_file import write_atomically

from .ground_truth import shared_ground_truth
from .image_metric import ImageMetric
from .instance import evaluate_instances

NAMES = dict(
    AP='segm_mAP',
    AP50='segm_mAP_50',
    AP75='segm_mAP_75',
    APs='segm_mAP_s',
    APm='segm_mAP_m',
    APl='segm_mAP_l',
)


@dataclass(frozen=True)
class InstanceOutcome:
    """What is kept of an image.

    Attributes:
        size: Height and width.
        annotated: Annotations as in a JSON of COCO instances, without ids.
        predicted: Predictions as in a JSON of COCO results.
    """

    size: tuple[int, int]
    annotated: list[dict[str, Any]]
    predicted: list[dict[str, Any]]


@METRICS.register_module()
class KMaXInstanceMetric(ImageMetric):
    """Mask AP of the things of a panoptic data set.

    The instances come from the panoptic annotations: segments of things, crowd as COCO's crowd.
    The figures bear the names and, as fractions, the scale of mmdet's ``CocoMetric``, which takes
    a JSON of instances; they are not rounded.

    Args:
        ann_file: Panoptic JSON. Its categories are found by the data set's class names.
        seg_prefix: Folder of the annotated PNGs; not needed with ``format_only``.
        classwise: Also print a table of all thing classes.
        format_only: Only write the predictions.
        outfile_prefix: Write predictions to ``{outfile_prefix}.segm.json``, a list of COCO results.
        collect_device: Device on which processes exchange results.
        prefix: First part of the names of the results, ``'coco'`` by default.

    Raises:
        FileNotFoundError: When ``ann_file``, ``seg_prefix`` or all PNGs in it are missing.
        ValueError: When there is nowhere to write to with ``format_only``, or nothing to compare
            with without it, or ``ann_file`` is no panoptic JSON.
    """

    default_prefix = 'coco'

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
        self.json_file = Path(f'{outfile_prefix}.segm.json') if outfile_prefix else None
        folder = None if format_only else seg_prefix
        self.ground_truth = shared_ground_truth(type(self).__name__, ann_file, folder)

    def examine(self, sample: dict) -> Callable[[], InstanceOutcome]:
        """Take the predictions of one image.

        Args:
            sample: Data sample as a dict, with ``pred_instances``, which holds ``labels``,
                ``scores`` and ``masks`` ``(n, H, W)``.

        Returns:
            The encoding, which raises what :meth:`PanopticGroundTruth.read` does.

        Raises:
            ValueError: When the model predicts no instances.
        """
        labels, scores, masks = read_instances(sample, type(self).__name__)
        return partial(self._encode, sample['img_id'], labels, scores, masks)

    def average(self, outcomes: dict[Any, InstanceOutcome]) -> dict[str, float]:
        """Average over the categories, and write the predictions if asked.

        Args:
            outcomes: What was found for each image.

        Returns:
            ``segm_mAP``, ``segm_mAP_50``, ``segm_mAP_75`` and those of small, medium and large
            instances as fractions, -1 where nothing is annotated; nothing with ``format_only``.
        """
        if self.json_file is not None:
            predicted = [entry for o in outcomes.values() for entry in o.predicted]
            write_atomically(self.json_file, json.dumps(predicted).encode())
            print_log(f'{len(predicted)} instances are in {self.json_file}', logger='current')
        if self.format_only:
            return {}
        summary = evaluate_instances(*self._as_coco(outcomes))
        if self.classwise:
            rows = [
                (self.ground_truth.categories[category]['name'], f'{value:.3f}')
                for category, value in summary['per_class'].items()
            ]
            print_log(
                '\n' + AsciiTable([('class', 'AP'), *rows]).table,
                logger=MMLogger.get_current_instance(),
            )
        return {name: summary[key] for key, name in NAMES.items()}

    @cached_property
    def _category_of_label(self) -> list[int]:
        return self.ground_truth.categories_of(self.dataset_meta['classes'])

    def _encode(
        self, img_id: Any, labels: list[int], scores: list[float], masks: NDArray[np.bool_]
    ) -> InstanceOutcome:
        size = masks.shape[1:]
        annotated: list[dict] = []
        if not self.format_only:
            ids, segments, _ = self.ground_truth.read(img_id, size)
            categories = self.ground_truth.categories
            things = [s for s in segments if categories[s['category_id']]['isthing'] == 1]
            encoded = encode_masks(ids == thing['id'] for thing in things)
            annotated = [
                dict(
                    category_id=thing['category_id'],
                    segmentation=segmentation,
                    area=thing['area'],
                    bbox=coco_mask.toBbox(segmentation).tolist(),
                    iscrowd=thing.get('iscrowd', 0),
                )
                for thing, segmentation in zip(things, encoded, strict=True)
            ]
        predicted = [
            dict(
                image_id=img_id,
                category_id=self._category_of_label[label],
                segmentation=segmentation,
                score=score,
            )
            for label, score, segmentation in zip(labels, scores, encode_masks(masks), strict=True)
        ]
        return InstanceOutcome(size, annotated, predicted)

    def _as_coco(self, outcomes: dict[Any, InstanceOutcome]) -> tuple[dict, list[dict]]:
        """Return annotations and predictions, images numbered: pycocotools wants integers."""
        images, annotated, predicted = [], [], []
        for number, outcome in enumerate(outcomes.values(), 1):
            height, width = outcome.size
            images.append(dict(id=number, height=height, width=width))
            annotated += [dict(entry, image_id=number) for entry in outcome.annotated]
            predicted += [dict(entry, image_id=number) for entry in outcome.predicted]
        annotations = [dict(entry, id=number) for number, entry in enumerate(annotated, 1)]
        things = [c for c in self.ground_truth.categories.values() if c['isthing'] == 1]
        return dict(images=images, annotations=annotations, categories=things), predicted


def read_instances(sample: dict, owner: str) -> tuple[list[int], list[float], NDArray[np.bool_]]:
    """Read the instances of a data sample.

    Args:
        sample: Data sample as a dict.
        owner: Name of the metric, for the error message.

    Returns:
        Labels, scores and masks ``(n, H, W)``.

    Raises:
        ValueError: When the model predicts no instances.
    """
    if 'pred_instances' not in sample or 'masks' not in sample['pred_instances']:
        raise ValueError(f'{owner} needs instance predictions: set model.test_cfg.instance_on=True')
    instances = sample['pred_instances']
    labels, scores, masks = (
        torch.as_tensor(instances[name]).cpu() for name in ('labels', 'scores', 'masks')
    )
    return labels.tolist(), scores.double().tolist(), masks.bool().numpy()


def encode_masks(masks: Iterable[NDArray[np.bool_]]) -> list[dict[str, Any]]:
    """Return COCO's run-length encoding, with text counts, of masks ``(H, W)``."""
    encoded = []
    for mask in masks:
        rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
        encoded.append(dict(size=list(rle['size']), counts=rle['counts'].decode()))
    return encoded

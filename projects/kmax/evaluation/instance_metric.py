"""Mask AP while testing."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from mmdet.registry import METRICS
from mmengine.logging import print_log
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from kmax_deeplab.atomic_file import write_atomically

from .annotated_metric import AnnotatedMetric
from .file_metric import FileMetric
from .image_metric import known_label
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
class KMaXInstanceMetric(AnnotatedMetric, FileMetric):
    """Mask AP of the things of a panoptic data set.

    The instances come from the panoptic annotations: segments of things, crowd as COCO's crowd.
    The figures bear the names and, as fractions, the scale of mmdet's ``CocoMetric``, which takes
    a JSON of instances; they are not rounded.

    Takes the arguments of :class:`AnnotatedMetric` and :class:`FileMetric`. What is written is
    ``{outfile_prefix}.segm.json``, a list of COCO results. ``prefix`` is ``'coco'`` by default. The
    figures are ``segm_mAP``, ``segm_mAP_50``, ``segm_mAP_75`` and those of small, medium and large
    instances (``_s``, ``_m``, ``_l``), -1 where nothing is annotated.
    """

    default_prefix = 'coco'
    suffixes = ('.segm.json',)
    task = 'instance'

    def examine(self, sample: dict) -> Callable[[], InstanceOutcome]:
        """Take the instances, see :func:`read_instances`, and return the encoding."""
        labels, scores, masks = read_instances(sample, type(self).__name__)
        return partial(self._encode, sample['img_id'], labels, scores, masks)

    def publish(self, outcomes: dict[Any, InstanceOutcome]) -> None:
        """Write the predictions."""
        (json_file,) = self.destinations
        predicted = [entry for o in outcomes.values() for entry in o.predicted]
        write_atomically(json_file, json.dumps(predicted).encode())
        print_log(f'{len(predicted)} instances are in {json_file}', logger='current')

    def figures(self, outcomes: dict[Any, InstanceOutcome]) -> dict[str, float]:
        """Average over the categories."""
        summary = evaluate_instances(*self._as_coco(outcomes))
        categories = self.ground_truth.categories
        rows = (
            (categories[c]['name'], f'{value:.3f}') for c, value in summary['per_class'].items()
        )
        self.show_classes(('AP',), rows)
        return {name: summary[key] for key, name in NAMES.items()}

    def _encode(
        self, img_id: Any, labels: list[int], scores: list[float], masks: NDArray[np.bool_]
    ) -> InstanceOutcome:
        size = masks.shape[1:]
        annotated: list[dict] = []
        if not self.format_only:
            ids, segments, _ = self.ground_truth.read(img_id, size)
            known = self.ground_truth.categories
            things = [s for s in segments if known[s['category_id']]['isthing'] == 1]
            encoded = encode_masks(ids == thing['id'] for thing in things)
            annotated = [
                dict(
                    category_id=thing['category_id'],
                    segmentation=segmentation,
                    area=thing.get('area'),
                    bbox=coco_mask.toBbox(segmentation).tolist(),
                    iscrowd=thing.get('iscrowd', 0),
                )
                for thing, segmentation in zip(things, encoded, strict=True)
            ]
        categories = self.category_of_label
        predicted = [
            dict(
                image_id=img_id,
                category_id=categories[known_label(label, len(categories), img_id)],
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
    """Return labels, scores and masks ``(n, H, W)`` of a data sample's ``pred_instances``.

    A ValueError in the name of the metric ``owner`` says when the model predicts none, or scores
    that are not finite.
    """
    if 'pred_instances' not in sample or 'masks' not in sample['pred_instances']:
        raise ValueError(f'{owner} needs instance predictions: set model.test_cfg.instance_on=True')
    instances = sample['pred_instances']
    labels, scores, masks = (
        torch.as_tensor(instances[name]).cpu() for name in ('labels', 'scores', 'masks')
    )
    if not torch.isfinite(scores).all():
        raise ValueError(
            f'{owner}: a score of image {sample.get("img_id")} is not finite: check the weights'
        )
    return labels.tolist(), scores.double().tolist(), masks.bool().numpy()


def encode_masks(masks: Iterable[NDArray[np.bool_]]) -> list[dict[str, Any]]:
    """Return COCO's run-length encoding, with text counts, of masks ``(H, W)``."""
    encoded = []
    for mask in masks:
        rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
        encoded.append(dict(size=list(rle['size']), counts=rle['counts'].decode()))
    return encoded

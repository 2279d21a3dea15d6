"""Mask AP of instance predictions."""

import contextlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pycocotools import mask as coco_mask

# The same figures from compiled code, several times faster on large sets.
try:
    from faster_coco_eval import COCO
    from faster_coco_eval import COCOeval_faster as COCOeval
except ImportError:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

from ..panoptic.field_types import id_order
from ..panoptic.json_files import read_json
from ..panoptic.runs import encode
from .instance_files import find_result_faults, find_truth_faults

STATISTICS = (
    'AP',
    'AP50',
    'AP75',
    'APs',
    'APm',
    'APl',
    'AR1',
    'AR10',
    'AR100',
    'ARs',
    'ARm',
    'ARl',
)


def mask_ap(gt_json_file: str | Path, pred_json_file: str | Path) -> dict:
    """Evaluate instance masks with pycocotools, or with faster-coco-eval where it is installed.

    Args:
        gt_json_file: COCO instance annotations.
        pred_json_file: COCO results: a list of ``image_id``, ``category_id``, ``segmentation`` and
            ``score``.

    Returns:
        COCO's twelve numbers ``AP`` to ``ARl`` as fractions, -1 where nothing is annotated, and
        ``per_class``: the AP by category id, NaN where nothing is annotated.

    Raises:
        FileNotFoundError: When a file is missing.
        ValueError: When a file is not JSON or holds what no evaluation could make sense of, or a
            prediction's image or category is unknown.
    """
    gt_content, predictions = (
        read_json(path, str(path)) for path in (gt_json_file, pred_json_file)
    )
    _refuse(find_truth_faults(gt_content, str(gt_json_file)))
    _refuse(find_result_faults(predictions, gt_content['images'], str(pred_json_file)))
    for field in ('image', 'category'):
        known = {
            entry['id'] for entry in gt_content['images' if field == 'image' else 'categories']
        }
        unknown = {entry[f'{field}_id'] for entry in predictions} - known
        if unknown:
            named = sorted(unknown, key=id_order)
            raise ValueError(
                f'{pred_json_file} has predictions of {field} {named}, unknown to {gt_json_file}'
            )
    return evaluate_instances(gt_content, predictions)


def _refuse(messages: Iterable[str]) -> None:
    for message in messages:
        raise ValueError(message)


def _with_areas(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the annotations; where the area is null or missing, that of the mask."""
    sizes = {image['id']: (image.get('height'), image.get('width')) for image in content['images']}
    for annotation in content['annotations']:
        if annotation.get('area') is None:
            mask = encode(annotation['segmentation'], sizes.get(annotation['image_id'], ()))
            annotation = {**annotation, 'area': float(coco_mask.area(mask))}
        yield annotation


def evaluate_instances(gt_content: dict[str, Any], predictions: list[dict]) -> dict:
    """Evaluate what the files of :func:`mask_ap` hold."""
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = {'info': {}} | gt_content | dict(annotations=list(_with_areas(gt_content)))
        gt.createIndex()
        evaluation = COCOeval(gt, gt.loadRes(predictions) if predictions else COCO(), 'segm')
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval['precision'][:, :, :, 0, -1]
    per_class = {}
    for index, category in enumerate(evaluation.params.catIds):
        values = precision[:, :, index]
        values = values[values > -1]
        per_class[category] = float(values.mean()) if values.size else float('nan')
    return dict(zip(STATISTICS, map(float, evaluation.stats), strict=True)) | dict(
        per_class=per_class
    )

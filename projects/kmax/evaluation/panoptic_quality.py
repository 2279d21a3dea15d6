"""Panoptic quality of predictions on disk."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kmax_deeplab.id_runs import count_overlaps

from ..panoptic.categories import find_category_faults
from ..panoptic.comparison import find_id_faults
from ..panoptic.faults import refuse
from ..panoptic.files import read_panoptic_json, read_panoptic_png
from ..panoptic.records import find_segment_faults, index_annotations
from .doubts import Doubts
from .matching import Matches, match_segments, sum_matches, summarise


def pq_compute(
    gt_json_file: str | Path,
    pred_json_file: str | Path,
    gt_folder: str | Path | None = None,
    pred_folder: str | Path | None = None,
) -> dict[str, dict]:
    """Evaluate predictions in COCO panoptic format, with panopticapi's call and numbers.

    Args:
        gt_json_file: Annotations.
        pred_json_file: Predictions.
        gt_folder: Folder of the annotated PNGs; the JSON's name without ``.json`` by default.
        pred_folder: Folder of the predicted PNGs; likewise.

    Returns:
        ``All``, ``Things`` and ``Stuff`` with ``pq``, ``sq``, ``rq`` and ``n``; ``per_class`` with
        the three values by category id.

    Raises:
        FileNotFoundError: When a file is missing.
        ValueError: When a file cannot be read or holds impossible values, an image has no
            prediction, a category is unknown, sizes differ, or the ids of a prediction's PNG are
            not those of its JSON.

    Annotations with an area that differs from the PNG, or with an id that only the PNG or only the
    JSON has, give panopticapi's figures and a warning.
    """
    per_image, categories = match_files(gt_json_file, pred_json_file, gt_folder, pred_folder)
    return summarise(sum_matches(per_image.values()), categories)


def match_files(
    gt_json_file: str | Path,
    pred_json_file: str | Path,
    gt_folder: str | Path | None = None,
    pred_folder: str | Path | None = None,
) -> tuple[dict[str, dict[int, Matches]], dict[int, dict]]:
    """Match all images, as :func:`pq_compute` does; return outcomes by PNG name, and categories."""
    gt_json = read_panoptic_json(gt_json_file, ('annotations', 'categories'))
    pred_json = read_panoptic_json(pred_json_file, ('annotations',))
    refuse(find_category_faults(gt_json['categories'], {}, str(gt_json_file)))
    categories = {category['id']: category for category in gt_json['categories']}
    annotations = index_annotations(gt_json['annotations'], gt_json_file)
    predictions = index_annotations(pred_json['annotations'], pred_json_file)
    folders = (
        Path(gt_folder or str(gt_json_file).replace('.json', '')),
        Path(pred_folder or str(pred_json_file).replace('.json', '')),
    )
    for image_id, annotation in annotations.items():
        refuse(find_segment_faults(annotation, categories, gt_json_file))
        if image_id not in predictions:
            raise ValueError(
                f'image {image_id} ({annotation["file_name"]}) of {gt_json_file} has '
                f'no prediction in {pred_json_file}'
            )
        refuse(find_segment_faults(predictions[image_id], categories, pred_json_file))

    doubts = Doubts(gt_json_file)

    def match(annotation: dict) -> dict[int, Matches]:
        prediction = predictions[annotation['image_id']]
        return _match_image(annotation, prediction, folders, Path(pred_json_file), doubts)

    # Decoding PNGs, most of the work, runs outside of Python's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(match, annotations.values()))
    names = (annotation['file_name'] for annotation in annotations.values())
    return dict(zip(names, outcomes, strict=True)), categories


def _match_image(
    annotation: dict,
    prediction: dict,
    folders: tuple[Path, Path],
    pred_json_file: Path,
    doubts: Doubts,
) -> dict[int, Matches]:
    image_id = annotation['image_id']
    gt_file, pred_file = folders[0] / annotation['file_name'], folders[1] / prediction['file_name']
    gt_ids, pred_ids = (
        read_panoptic_png(path, f'image {image_id}') for path in (gt_file, pred_file)
    )
    if gt_ids.shape != pred_ids.shape:
        raise ValueError(
            f'image {image_id}: prediction {pred_file} has size {pred_ids.shape}, but annotation '
            f'{gt_file} has {gt_ids.shape}'
        )
    overlaps = count_overlaps(gt_ids, pred_ids)
    doubts.look(overlaps, annotation['segments_info'], gt_file, image_id)
    pred_categories = {s['id']: s['category_id'] for s in prediction['segments_info']}
    present = (pred_id for _, pred_id in overlaps)
    image = f'image {image_id} in {pred_json_file}'
    refuse(find_id_faults(present, pred_categories, pred_file, image))
    return match_segments(
        overlaps, annotation['segments_info'], pred_categories, f'image {image_id} ({gt_file})'
    )

"""Reading COCO panoptic JSON files."""

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePath

import numpy as np
from mmengine.fileio import get_text

MAX_ID = 256**3 - 1
"""Largest id a panoptic PNG can hold; 0 is void."""


def load_panoptic_json(path: str, backend_args: dict | None = None) -> dict:
    """Read a COCO panoptic JSON file.

    Args:
        path: The file.
        backend_args: Arguments of mmengine's file backend.

    Returns:
        Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON or lacks ``images`` or ``categories``.
    """
    try:
        content = json.loads(get_text(path, backend_args=backend_args))
    except FileNotFoundError as error:
        raise FileNotFoundError(f'annotation file {path} does not exist') from error
    except ValueError as error:
        raise ValueError(f'annotation file {path} is not valid JSON: {error}') from error
    for field in ('images', 'categories'):
        if field not in content:
            raise ValueError(f'annotation file {path} has no field "{field}"')
    return content


def complete_metainfo(metainfo: Mapping, categories: list[dict], path: str) -> dict:
    """Fill in the classes that a data set's configuration leaves open.

    Args:
        metainfo: Given ``classes``, ``thing_classes`` and ``palette``, each optional.
        categories: The JSON's categories; without given classes their order counts, things first.
        path: Name of the JSON, for error messages.

    Returns:
        ``classes``, ``thing_classes``, ``stuff_classes`` and ``palette``, and whatever else was
        given.

    Raises:
        ValueError: If a category is unknown or is a thing in one place and stuff in the other, or
            if the classes do not begin with the things.
    """
    for category in categories:
        for field in ('id', 'name', 'isthing'):
            if field not in category:
                raise ValueError(f'a category of {path} has no field "{field}": {category}')
    ordered = sorted(categories, key=lambda category: not category['isthing'])
    classes = tuple(metainfo.get('classes', [category['name'] for category in ordered]))
    names = {category['name'] for category in categories if category['isthing']}
    things = tuple(metainfo.get('thing_classes', [name for name in classes if name in names]))
    stuff = tuple(name for name in classes if name not in things)
    if classes != things + stuff:
        raise ValueError(f'classes must begin with the things {things}, but are {classes}')
    for category in categories:
        _check_category(category, classes, things, path)
    palette = metainfo.get('palette') or make_palette(classes, categories)
    return {
        **metainfo,
        'classes': classes,
        'thing_classes': things,
        'stuff_classes': stuff,
        'palette': palette,
    }


def _check_category(category: dict, classes: tuple, things: tuple, path: str) -> None:
    described = f'category {category["id"]} "{category["name"]}" of {path}'
    if category['name'] not in classes:
        raise ValueError(f'{described} is unknown: the classes are {classes}')
    if bool(category['isthing']) != (category['name'] in things):
        raise ValueError(
            f'{described} has isthing={category["isthing"]}, but the things are {things}'
        )


def make_palette(classes: Iterable[str], categories: list[dict]) -> list[tuple[int, int, int]]:
    """Return one colour per class: the category's own, or a fixed random one.

    Args:
        classes: Names in the order of their labels.
        categories: The JSON's categories.

    Returns:
        RGB colours.
    """
    given = {category['name']: category.get('color') for category in categories}
    drawn = np.random.default_rng(0).integers(32, 256, (len(tuple(classes)), 3)).tolist()
    return [tuple(given.get(name) or color) for name, color in zip(classes, drawn, strict=True)]


def index_annotations(content: dict, path: str) -> dict[int, dict]:
    """Return the annotation of each image.

    Args:
        content: A panoptic JSON.
        path: Its name, for error messages.

    Returns:
        A dict from image id to annotation.

    Raises:
        ValueError: If an image has no annotation or several, or an annotation no image.
    """
    images = {image['id']: image for image in content['images']}
    annotations: dict[int, dict] = {}
    for annotation in content['annotations']:
        image_id = annotation['image_id']
        if image_id not in images:
            raise ValueError(
                f'the annotation {annotation["file_name"]} of {path} belongs to image {image_id}, '
                'which is not among its images'
            )
        if image_id in annotations:
            raise ValueError(f'image {image_id} of {path} has two annotations')
        annotations[image_id] = annotation
    for image_id, image in images.items():
        if image_id not in annotations:
            raise ValueError(f'image {image_id} ({image["file_name"]}) of {path} has no annotation')
    return annotations


def parse_segments(annotation: dict, labels: dict[int, int], num_things: int, path: str) -> dict:
    """Turn the segments of one image into rows of ground truth.

    Crowd segments have no row. Segments of one stuff class share a row.

    Args:
        annotation: The annotation of the image.
        labels: A dict from category id to label.
        num_things: Number of thing classes, which have the smallest labels.
        path: Name of the JSON, for error messages.

    Returns:
        ``segment_ids``, sorted; for each of them ``segment_rows``, counted from 1, 0 for crowd;
        ``segment_labels``, the label of each row.

    Raises:
        ValueError: If a category is unknown, or an id is void's, too large or not unique.
    """
    image = f'image {annotation["image_id"]} ({PurePath(annotation["file_name"]).name})'
    ids: list[int] = []
    rows: list[int] = []
    row_labels: list[int] = []
    stuff_rows: dict[int, int] = {}
    for segment in sorted(annotation['segments_info'], key=lambda segment: segment['id']):
        fault = _segment_fault(segment, ids, labels)
        if fault:
            raise ValueError(f'segment {segment["id"]} of {image} in {path} {fault}')
        label = labels[segment['category_id']]
        row = 0 if segment.get('iscrowd', 0) else stuff_rows.get(label, len(row_labels) + 1)
        if row > len(row_labels):
            row_labels.append(label)
            if label >= num_things:
                stuff_rows[label] = row
        ids.append(segment['id'])
        rows.append(row)
    return {'segment_ids': ids, 'segment_rows': rows, 'segment_labels': row_labels}


def _segment_fault(segment: dict, seen: list[int], labels: dict[int, int]) -> str | None:
    if segment['category_id'] not in labels:
        return f'has the unknown category {segment["category_id"]}'
    if not 0 < segment['id'] <= MAX_ID:
        return f'must have an id between 1 and {MAX_ID}: 0 is void'
    return 'shares its id with another' if segment['id'] in seen[-1:] else None

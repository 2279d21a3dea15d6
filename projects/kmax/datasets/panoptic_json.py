"""From the content of a COCO panoptic JSON to classes and rows of ground truth."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from ..faults import Fault, FaultKind, refuse
from ..field_types import CATEGORY_TYPES, IMAGE_TYPES, find_wrong_types, fits, usable_id
from ..panoptic_format import check_segments, index_annotations

IMAGE_FIELDS = ('id', 'file_name', 'height', 'width')


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
        ValueError: If two categories share an id or a name, a category is unknown, or is a thing in
            one place and stuff in the other, or if the classes do not begin with the things.
    """
    for category in categories:
        for field in ('id', 'name', 'isthing'):
            if field not in category:
                raise ValueError(f'a category of {path} has no field "{field}": {category}')
        for text in find_wrong_types(category, CATEGORY_TYPES):
            raise ValueError(f'category {category["id"]} of {path} {text}')
    check_unique(categories, ('id', 'name'), 'categories', path)
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


def check_images(images: list[dict], path: str) -> None:
    """Check that every image record has the fields that a data set reads, of their types.

    Raises:
        ValueError: Names the file, the image and what is wrong, or the id of two images.
    """
    refuse(find_image_faults(images, path))


def find_image_faults(images: list[dict], path: str) -> Iterator[Fault]:
    """Yield what :func:`check_images` refuses, with the same arguments."""
    for index, image in enumerate(images):
        for text in find_wrong_types(image, IMAGE_TYPES):
            known = image if isinstance(image, dict) else {}
            name = known.get('file_name', f'number {index}')
            message = f'image {name} of {path} {text}'
            yield Fault(FaultKind.WRONG_TYPE, message, usable_id(known.get('id')))
    images = [image for image in images if fits(image, IMAGE_TYPES)]
    for index, image in enumerate(images):
        missing = [name for name in IMAGE_FIELDS if name not in image]
        if missing:
            name = image.get('file_name', f'number {index}')
            message = f'image {name} of {path} lacks the fields {missing}'
            yield Fault(FaultKind.MISSING_FIELD, message, image.get('id'))
    identified = [image for image in images if 'id' in image]
    for value in _shared_values(identified, 'id'):
        message = f'{path} has several images with the id {value!r}'
        yield Fault(FaultKind.DUPLICATE_IMAGE, message, value)


def check_unique(records: list[dict], fields: tuple[str, ...], kind: str, path: str) -> None:
    """Check that no two records share a value of a field.

    Raises:
        ValueError: Names the file, the field and the value.
    """
    for field in fields:
        for value in _shared_values(records, field):
            raise ValueError(f'{path} has several {kind} with the {field} {value!r}')


def _shared_values(records: list[dict], field: str) -> list:
    counts = Counter(record[field] for record in records)
    return [value for value, count in counts.items() if count > 1]


def annotations_of_images(content: dict, path: str) -> dict[int, dict]:
    """Return the annotation of each image.

    Args:
        content: A panoptic JSON.
        path: Its name, for error messages.

    Returns:
        A dict from image id to annotation.

    Raises:
        ValueError: If an image has no annotation or several, or an annotation no image.
    """
    annotations = index_annotations(content['annotations'], path)
    refuse(find_unpaired(content['images'], annotations, path))
    return annotations


def find_unpaired(images: list[dict], annotations: dict[int, dict], path: str) -> Iterator[Fault]:
    """Yield annotations without an image and images without an annotation.

    Args:
        images: The JSON's images.
        annotations: The annotation of each image id.
        path: Name of the JSON, for the messages.
    """
    ids = {image['id'] for image in images}
    for image_id, annotation in annotations.items():
        if image_id not in ids:
            yield Fault(
                FaultKind.NO_IMAGE,
                f'the annotation {annotation["file_name"]} of {path} belongs to image {image_id}, '
                'which is not among its images',
                image_id,
            )
    for image in images:
        if image['id'] not in annotations:
            message = f'image {image["id"]} ({image["file_name"]}) of {path} has no annotation'
            yield Fault(FaultKind.NO_ANNOTATION, message, image['id'])


def parse_segments(annotation: dict, labels: dict[int, int], num_things: int, path: str) -> dict:
    """Turn the segments of one image into rows of ground truth.

    Crowd segments have no row. Segments of one stuff class share a row.

    Args:
        annotation: The annotation of the image.
        labels: A dict from category id to label.
        num_things: Number of thing classes, which have the smallest labels.
        path: Name of the JSON, for error messages.

    Returns:
        ``segment_ids`` in the JSON's order; for each of them ``segment_rows``, counted from 1, 0
        for crowd;
        ``segment_labels``, the label of each row.

    Raises:
        ValueError: If a segment is at fault, see :func:`check_segments`.
    """
    check_segments(annotation, labels, path)
    ids: list[int] = []
    rows: list[int] = []
    row_labels: list[int] = []
    stuff_rows: dict[int, int] = {}
    for segment in annotation['segments_info']:
        label = labels[segment['category_id']]
        row = 0 if segment.get('iscrowd', 0) else stuff_rows.get(label, len(row_labels) + 1)
        if row > len(row_labels):
            row_labels.append(label)
            if label >= num_things:
                stuff_rows[label] = row
        ids.append(segment['id'])
        rows.append(row)
    return {'segment_ids': ids, 'segment_rows': rows, 'segment_labels': row_labels}


def measures_of(segments: list[dict]) -> dict[str, list]:
    """Return what the JSON says about the size and the place of segments.

    Returns:
        ``segment_areas`` and ``segment_boxes`` in the JSON's order, None where it has none.
    """
    return {
        'segment_areas': [segment.get('area') for segment in segments],
        'segment_boxes': [segment.get('bbox') for segment in segments],
    }

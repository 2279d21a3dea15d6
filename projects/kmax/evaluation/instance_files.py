"""What is wrong in files of COCO instances and of COCO results."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..panoptic.field_types import FLAG, ID, FieldType, find_wrong_types, fits, is_number
from ..panoptic.runs import count_pixels

SCORE: FieldType = (is_number, 'a finite number')
AREA: FieldType = (
    lambda value: value is None or (is_number(value) and value >= 0),
    'a number from 0 on',
)
MASK: FieldType = (
    lambda value: isinstance(value, list | dict) and bool(value),
    'polygons or an object with "size" and "counts"',
)
RUNS: FieldType = (
    lambda value: isinstance(value, dict) and isinstance(value.get('counts'), str),
    'an object with "size" and, as text, "counts"',
)

ANNOTATION_TYPES = dict(id=ID, image_id=ID, category_id=ID, segmentation=MASK, iscrowd=FLAG)
OPTIONAL_TYPES = dict(area=AREA)
RESULT_TYPES = dict(image_id=ID, category_id=ID, segmentation=RUNS, score=SCORE)


def find_truth_faults(content: Any, path: str) -> Iterator[str]:
    """Yield what is wrong with COCO's annotations of instances."""
    fields = ('images', 'annotations', 'categories')
    if not isinstance(content, dict) or any(
        not isinstance(content.get(field), list) for field in fields
    ):
        yield f'{path} must hold an object with the lists {list(fields)}'
        return
    for field, types in (
        ('images', dict(id=ID)),
        ('categories', dict(id=ID)),
        ('annotations', ANNOTATION_TYPES),
    ):
        wrong = list(_find_wrong(content[field], types, f'of "{field}" in {path}'))
        yield from wrong
        if wrong:
            return
        for value, count in Counter(entry['id'] for entry in content[field]).items():
            if count > 1:
                yield f'{path} has several {field} with the id {value!r}'
    yield from _find_mask_faults(content['annotations'], content['images'], path)


def find_result_faults(predictions: Any, images: Iterable[Mapping], path: str) -> Iterator[str]:
    """Yield what is wrong with COCO results, whose masks must be of the size of the images."""
    if not isinstance(predictions, list):
        yield f'{path} must hold a list of COCO results'
        return
    wrong = list(_find_wrong(predictions, RESULT_TYPES, f'in {path}'))
    yield from wrong or _find_mask_faults(predictions, images, path)


def _find_wrong(entries: Iterable[Any], types: dict[str, FieldType], where: str) -> Iterator[str]:
    for number, entry in enumerate(entries):
        if not fits(entry, types | OPTIONAL_TYPES, types):
            for text in find_wrong_types(entry, types | OPTIONAL_TYPES):
                yield f'number {number} {where} {text}'
            missing = [name for name in types if isinstance(entry, dict) and name not in entry]
            if missing:
                yield f'number {number} {where} lacks the fields {missing}'


def _find_mask_faults(
    entries: Iterable[Mapping], images: Iterable[Mapping], path: str
) -> Iterator[str]:
    sizes = {image['id']: [image.get('height'), image.get('width')] for image in images}
    for number, entry in enumerate(entries):
        mask = entry['segmentation']
        if isinstance(mask, list):
            continue
        described = f'the mask of number {number}, of image {entry["image_id"]}, in {path}'
        size = mask.get('size')
        if not _is_size(size):
            yield f'{described} has "size": {size}, which must be height and width in pixels'
            continue
        expected = sizes.get(entry['image_id'], size)
        if None not in expected and size != expected:
            yield f'{described} has the size {size}, but its image {expected}'
        elif count_pixels(mask.get('counts')) != size[0] * size[1]:
            yield f'{described} has "counts" that are not of {size[0]} x {size[1]} pixels'


def _is_size(value: Any) -> bool:
    return isinstance(value, list) and [type(side) for side in value] == [int, int]

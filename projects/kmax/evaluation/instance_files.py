"""What is wrong in files of COCO instances and of COCO results."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..panoptic.field_types import FLAG, ID, FieldType, find_wrong_types, fits, is_number

SCORE: FieldType = (is_number, 'a finite number')
AREA: FieldType = (lambda value: is_number(value) and value >= 0, 'a number from 0 on')
MASK: FieldType = (
    lambda value: isinstance(value, list | dict) and bool(value),
    'polygons or an object with "size" and "counts"',
)
RUNS: FieldType = (
    lambda value: isinstance(value, dict) and isinstance(value.get('counts'), str),
    'an object with "size" and, as text, "counts"',
)

ANNOTATION_TYPES = dict(
    id=ID, image_id=ID, category_id=ID, segmentation=MASK, area=AREA, iscrowd=FLAG
)
RESULT_TYPES = dict(image_id=ID, category_id=ID, segmentation=RUNS, score=SCORE)

_COUNTS = re.compile(r'[0-o]*')  # 64 characters from '0' on, each of six bits


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


def _find_wrong(
    entries: Iterable[Any], types: Mapping[str, FieldType], where: str
) -> Iterator[str]:
    for number, entry in enumerate(entries):
        if not fits(entry, types, types):
            for text in find_wrong_types(entry, types):
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
        elif _count_pixels(mask.get('counts')) != size[0] * size[1]:
            yield f'{described} has "counts" that are not of {size[0]} x {size[1]} pixels'


def _is_size(value: Any) -> bool:
    return isinstance(value, list) and [type(side) for side in value] == [int, int]


def _count_pixels(counts: Any) -> int | None:
    """Return the pixels of COCO's runs, None if they are none: nothing is decoded to a mask."""
    if isinstance(counts, list):
        sound = all(type(run) is int and run >= 0 for run in counts)
        return sum(counts) if sound else None
    if not isinstance(counts, str) or not _COUNTS.fullmatch(counts):
        return None
    digits = np.frombuffer(counts.encode(), np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(digits & 0x20 == 0)
    if not len(ends) or ends[-1] != len(digits) - 1:
        return None
    starts = np.append(0, ends[:-1] + 1)
    places = np.arange(len(digits)) - np.repeat(starts, ends - starts + 1)
    if places.max() > 9:
        return None  # Runs of more than 50 bits.
    runs = np.add.reduceat((digits & 0x1F) << 5 * places, starts)
    runs -= np.where(digits[ends] & 0x10, 1 << 5 * (places[ends] + 1), 0)
    # From the fourth on, each is written as the difference from the last but one.
    runs[1::2], runs[2::2] = np.cumsum(runs[1::2]), np.cumsum(runs[2::2])
    return int(runs.sum()) if (runs >= 0).all() else None

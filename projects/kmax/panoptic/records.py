"""What is wrong with the records of a panoptic JSON: images, annotations and their segments."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from ..void import VOID_ID
from .categories import find_category_faults, usable_ids
from .faults import Fault, FaultKind, refuse
from .field_types import (
    ANNOTATION_TYPES,
    IMAGE_TYPES,
    SEGMENT_TYPES,
    find_wrong_types,
    fits,
    id_order,
    usable_id,
)
from .files import MAX_ID

SEGMENT_FIELDS = ('id', 'category_id')
"""What every segment has; an absent area is counted in the PNG."""


def find_record_faults(
    content: Mapping[str, Any], metainfo: Mapping[str, Any], path: str
) -> Iterator[Fault]:
    """Yield all that is wrong with the content of a JSON, in the order in which training meets it.

    ``metainfo`` holds the classes that are expected.
    """
    is_sound, unread = True, set()
    for fault in chain(
        find_image_faults(content['images'], path),
        find_category_faults(content['categories'], metainfo, path),
        find_annotation_faults(content.get('annotations', []), path),
    ):
        yield fault
        is_sound = False
        if fault.kind in (FaultKind.MISSING_FIELD, FaultKind.WRONG_TYPE):
            unread.add(fault.image_id)
    if 'annotations' in content:
        known = usable_ids(content['categories'])
        images, annotations = (sound_records if is_sound else usable_records)(content)
        unpaired = find_unpaired(images, annotations, path)
        yield from (fault for fault in unpaired if fault.image_id not in unread)
        for image in images:
            if image['id'] in annotations:
                yield from find_segment_faults(annotations[image['id']], known, path)
    if not content['images']:
        yield Fault(FaultKind.NOTHING_LEFT, f'no image of {path} is left')


def sound_records(content: Mapping[str, Any]) -> tuple[list[dict], dict[Any, dict]]:
    """Return the images, and the annotation of each id, of a content without faults."""
    annotations = content.get('annotations', [])
    return content['images'], {annotation['image_id']: annotation for annotation in annotations}


def usable_records(content: Mapping[str, Any]) -> tuple[list[dict], dict[Any, dict]]:
    """Return the images that can be looked at, one of each id, and the annotation of each id."""
    images = {
        image['id']: image
        for image in content['images']
        if fits(image, IMAGE_TYPES, ('id', 'file_name'))
    }
    annotations: dict[Any, dict] = {}
    for annotation in content.get('annotations', []):
        if fits(annotation, ANNOTATION_TYPES, ANNOTATION_TYPES):
            annotations.setdefault(annotation['image_id'], annotation)
    return list(images.values()), annotations


def find_image_faults(images: list[dict], path: str) -> Iterator[Fault]:
    """Yield images with a field that is wrong or missing, and ids that several have."""
    typed = []
    for index, image in enumerate(images):
        text = None
        for text in find_wrong_types(image, IMAGE_TYPES):
            known = image if isinstance(image, dict) else {}
            name = known.get('file_name', f'number {index}')
            message = f'image {name} of {path} {text}'
            yield Fault(FaultKind.WRONG_TYPE, message, usable_id(known.get('id')))
        if text is None:
            typed.append(image)
    for index, image in enumerate(typed):
        missing = [name for name in IMAGE_TYPES if name not in image]
        if missing:
            name = image.get('file_name', f'number {index}')
            message = f'image {name} of {path} lacks the fields {missing}'
            yield Fault(FaultKind.MISSING_FIELD, message, image.get('id'))
    for value, count in Counter(image['id'] for image in typed if 'id' in image).items():
        if count > 1:
            message = f'{path} has several images with the id {value!r}'
            yield Fault(FaultKind.DUPLICATE_IMAGE, message, value)


def find_annotation_faults(annotations: Iterable[dict], path: str | Path) -> Iterator[Fault]:
    """Yield annotations with a field that is wrong or missing, and second ones of an image."""
    seen = set()
    for annotation in annotations:
        given = annotation.get('image_id')
        image_id = usable_id(given)
        described = f'the annotation of image {given} in {path}'
        for text in find_wrong_types(annotation, ANNOTATION_TYPES):
            yield Fault(FaultKind.WRONG_TYPE, f'{described} {text}', image_id)
        missing = [field for field in ANNOTATION_TYPES if field not in annotation]
        if missing:
            yield Fault(FaultKind.MISSING_FIELD, f'{described} lacks {missing}', image_id)
        if image_id in seen:
            message = f'image {image_id} of {path} has two annotations'
            yield Fault(FaultKind.DUPLICATE_ANNOTATION, message, image_id)
        if image_id is not None:
            seen.add(image_id)


def index_annotations(annotations: Iterable[dict], path: str | Path) -> dict[Any, dict]:
    """Return the annotation of each image id; a ValueError names one that is at fault."""
    annotations = list(annotations)
    refuse(find_annotation_faults(annotations, path))
    return {annotation['image_id']: annotation for annotation in annotations}


def find_unpaired(
    images: Iterable[dict], annotations: Mapping[Any, dict], path: str
) -> Iterator[Fault]:
    """Yield annotations, by the id of their image, without an image, and images without one."""
    ids = {image['id'] for image in images}
    for image_id, annotation in annotations.items():
        if image_id not in ids:
            yield Fault(
                FaultKind.NO_IMAGE,
                f'the annotation {annotation["file_name"]} of {path} belongs to image {image_id}, '
                f'which is not among its images{_type_hint(image_id, ids)}',
                image_id,
            )
    for image in images:
        if image['id'] not in annotations:
            message = (
                f'image {image["id"]} ({image["file_name"]}) of {path} has no annotation'
                + _type_hint(image['id'], annotations)
            )
            yield Fault(FaultKind.NO_ANNOTATION, message, image['id'])


def _type_hint(image_id: int | str, ids: Collection[Any]) -> str:
    """Explain an id that is a number in one place and text in the other."""
    text = str(image_id)
    other = int(text) if isinstance(image_id, str) and text.isdecimal() else text
    if other == image_id or other not in ids:
        return ''
    return f': the id is {image_id!r} here and {other!r} there, a number and a string'


def find_segment_faults(
    annotation: dict, categories: Collection[Any], path: str | Path
) -> Iterator[Fault]:
    """Yield segments of an image that no reader could make sense of.

    ``categories`` are the ids that exist.
    """
    seen: set[int] = set()
    image_id = annotation['image_id']
    for number, segment in enumerate(annotation['segments_info']):
        for kind, text in _segment_faults(segment, seen, categories):
            image = f'image {image_id} ({annotation["file_name"]})'
            name = segment.get('id') if isinstance(segment, dict) else f'number {number}'
            yield Fault(kind, f'segment {name} of {image} in {path} {text}', image_id)


def _segment_faults(
    segment: dict, seen: set[int], categories: Collection[int]
) -> Iterator[tuple[FaultKind, str]]:
    wrong = list(find_wrong_types(segment, SEGMENT_TYPES))
    for text in wrong:
        yield FaultKind.WRONG_TYPE, text
    if wrong:
        return
    missing = [field for field in SEGMENT_FIELDS if field not in segment]
    if missing:
        yield FaultKind.MISSING_FIELD, f'lacks the fields {missing}'
    category = segment.get('category_id')
    if category is not None and category not in categories:
        known = f'known are {sorted(categories, key=id_order)}'
        yield FaultKind.UNKNOWN_CATEGORY, f'has the unknown category {category}; {known}'
    segment_id = segment.get('id')
    if segment_id is None:
        return
    if not VOID_ID < segment_id <= MAX_ID:
        bounds = f'between {VOID_ID + 1} and {MAX_ID}: {VOID_ID} is void'
        yield FaultKind.BAD_ID, f'must have an id {bounds}'
    elif segment_id in seen:
        yield FaultKind.DUPLICATE_ID, 'shares its id with another'
    seen.add(segment_id)

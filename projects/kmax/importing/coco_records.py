"""The records of COCO's JSON files that are imported: images and categories."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..panoptic.faults import Fault, FaultKind
from ..panoptic.field_types import (
    CATEGORY_TYPES,
    FLAG,
    IMAGE_TYPES,
    OPTIONAL_CATEGORY_TYPES,
    fits,
    usable_id,
)
from ..panoptic.json_files import read_json
from ..panoptic.records import find_image_faults
from .source import ClassHint, Region, SourceError

FIELDS = ('images', 'annotations', 'categories')
_NAMED = {name: CATEGORY_TYPES[name] for name in ('id', 'name')}


def read_records(path: Path, fields: tuple[str, ...] = FIELDS) -> dict[str, list[dict]]:
    """Read a JSON of lists of objects.

    Args:
        path: The file.
        fields: The lists that must be there.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no JSON, or lacks a list.
    """
    content = read_json(path, f'JSON {path}')
    for field in FIELDS:
        records = content.get(field) if isinstance(content, dict) else None
        if records is None and field not in fields:
            content[field] = []
        elif not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
            raise ValueError(f'{path} must hold "{field}", a list of objects, as COCO has it')
    return content


def usable_images(images: list[dict], path: Path) -> tuple[dict[Any, dict], list[Fault]]:
    """Return the images by their ids, and what is wrong with them."""
    faults = list(find_image_faults(images, str(path)))
    usable = [image for image in images if fits(image, IMAGE_TYPES, IMAGE_TYPES)]
    for name, count in Counter(image['file_name'] for image in usable).items():
        if count > 1:
            message = f'{path} has {count} images with the file name {name}'
            faults.append(Fault(FaultKind.DUPLICATE_IMAGE, message))
    return {image['id']: image for image in usable}, faults


def hints_of(categories: list[dict], path: Path) -> tuple[dict[Any, ClassHint], list[Fault]]:
    """Return what is told of each category, by its id, and what is wrong with them."""
    faults = []
    hints = {}
    for category in categories:
        if not fits(category, _NAMED, _NAMED):
            message = f'category {category} of {path} needs an "id" and a "name"'
            faults.append(Fault(FaultKind.CATEGORIES, message))
            continue
        told = category.get('isthing')
        if told is not None and not FLAG[0](told):
            message = f'category {category} of {path} has "isthing": {told!r}: it must be {FLAG[1]}'
            faults.append(Fault(FaultKind.CATEGORIES, message))
        hints[category['id']] = _hint(category)
    for field in ('id', 'name'):
        values = [category.get(field) for category in categories]
        plain = [value.strip() if isinstance(value, str) else value for value in values]
        for value, count in Counter(value for value in plain if _can_count(value)).items():
            if count > 1:
                message = f'{path} has several categories with the {field} {value!r}'
                faults.append(Fault(FaultKind.CATEGORIES, message))
    return hints, faults


def _can_count(value: Any) -> bool:
    return isinstance(value, (int, str))


def _hint(category: Mapping[str, Any]) -> ClassHint:
    given = category.get('isthing')
    color = category.get('color') if fits(category, OPTIONAL_CATEGORY_TYPES, ()) else None
    return ClassHint(
        category['name'].strip(),
        bool(given) if given in (0, 1) else None,
        category['id'] if type(category['id']) is int else None,
        None if color is None else (color[0], color[1], color[2]),
    )


def listed_ids(records: list[dict]) -> set[Any]:
    """Return the ids of images or categories, also of those with faults."""
    return {usable_id(record.get('id')) for record in records} - {None}


def find_strangers(annotations: list[dict], images: list[dict], path: Path) -> Iterator[Fault]:
    """Yield annotations of images that are not among those of the JSON."""
    listed = listed_ids(images)
    for number, annotation in enumerate(annotations):
        value = annotation.get('image_id')
        if usable_id(value) not in listed:
            name = annotation.get('id', f'number {number}')
            message = f'annotation {name} of {path} belongs to image {value!r}, which it lacks'
            yield Fault(FaultKind.NO_IMAGE, message)


def refuse_faults(faults: list[Fault], regions: Sequence[Region] = ()) -> None:
    """Raise a SourceError if there are faults; ``regions`` could be read all the same."""
    if faults:
        raise SourceError(faults, regions)

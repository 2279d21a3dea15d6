"""Types of the fields of a panoptic JSON."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

FieldType = tuple[Callable[[Any], bool], str]
"""Whether a value is fit, and what is expected."""


def _one_of(*types: type) -> Callable[[Any], bool]:
    # Not isinstance: true is no number here.
    return lambda value: type(value) in types


def _is_list_of_numbers(value: Any) -> bool:
    return type(value) is list and all(type(number) in (int, float) for number in value)


ID: FieldType = (_one_of(int, str), 'a whole number or a string')
WHOLE: FieldType = (_one_of(int), 'a whole number')
TEXT: FieldType = (_one_of(str), 'a string')
FLAG: FieldType = (_one_of(int, bool), '0 or 1')

IMAGE_TYPES = dict(id=ID, file_name=TEXT, height=WHOLE, width=WHOLE)
CATEGORY_TYPES = dict(id=ID, name=TEXT, isthing=FLAG)
ANNOTATION_TYPES = dict(
    image_id=ID, file_name=TEXT, segments_info=(_one_of(list), 'a list of objects')
)
SEGMENT_TYPES = dict(
    id=WHOLE,
    category_id=ID,
    iscrowd=FLAG,
    area=(_one_of(int, float), 'a number'),
    bbox=(_is_list_of_numbers, 'a list of numbers'),
)


def find_wrong_types(record: Any, types: Mapping[str, FieldType]) -> Iterator[str]:
    """Yield which fields of an object have wrong values, as the end of a sentence about it."""
    if not isinstance(record, dict):
        yield f'must be an object, but is {_show(record)}'
        return
    for name, (fits, expected) in types.items():
        if name in record and not fits(record[name]):
            yield f'has "{name}": {_show(record[name])}, which must be {expected}'


def fits(record: Any, types: Mapping[str, FieldType], fields: Iterable[str]) -> bool:
    """Tell whether an object has these fields, and no field of a wrong type."""
    wrong = next(find_wrong_types(record, types), None)
    return wrong is None and all(field in record for field in fields)


def usable_id(value: Any) -> int | str | None:
    """Return the id of an image, None if it cannot be one."""
    return value if ID[0](value) else None


def _show(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f'{text[:60]}...'

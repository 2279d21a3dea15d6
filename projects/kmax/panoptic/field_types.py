"""Types of the fields of a panoptic JSON."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

FieldType = tuple[Callable[[Any], bool], str]
"""Whether a value is fit, and what is expected."""


def _one_of(*types: type) -> Callable[[Any], bool]:
    # Not isinstance: true is no number here.
    return lambda value: type(value) in types


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number."""
    # JSON as Python reads it knows NaN and infinity.
    return type(value) is int or (type(value) is float and value - value == 0)


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_flag(value: Any) -> bool:
    return (type(value) is int or type(value) is bool) and 0 <= value <= 1


_WHOLE = {int}


def _is_area(value: Any) -> bool:
    # Asked of every segment of a data set: no call in the ordinary case.
    return (type(value) is int and value >= 0) or value is None or (is_number(value) and value >= 0)


def _is_box(value: Any) -> bool:
    if type(value) is not list:
        return value is None
    return {*map(type, value)} == _WHOLE or all(map(is_number, value))


def _is_color(value: Any) -> bool:
    return value is None or (
        type(value) is list
        and len(value) == 3
        and all(type(part) is int and 0 <= part <= 255 for part in value)
    )


# Half a character, as of a broken pair, is in no name; what stands for a byte of a name that is not
# in UTF-8 is a half too, but one of 128 others.
_NO_FILE_NAME = re.compile(
    r'^$|[\\\0\ud800-\udc7f\udd00-\udfff]|^[a-z][a-z0-9+.-]*://', re.IGNORECASE
)


def _is_file_name(value: Any) -> bool:
    return type(value) is str and _NO_FILE_NAME.search(value) is None


_NO_TEXT = re.compile(r'[\0-\x1f\x7f\ud800-\udfff]')


def _is_text(value: Any) -> bool:
    return type(value) is str and _NO_TEXT.search(value) is None


ID: FieldType = (_one_of(int, str), 'a whole number or a string')
SIZE: FieldType = (_is_size, 'a whole number above 0')
FLAG: FieldType = (_is_flag, '0 or 1')
FILE_NAME: FieldType = (
    _is_file_name,
    'a string: the name of a file, with "/" between folders, and no URL',
)

IMAGE_TYPES = dict(id=ID, file_name=FILE_NAME, height=SIZE, width=SIZE)
NAME: FieldType = (_is_text, 'a string without control characters')
CATEGORY_TYPES = dict(id=ID, name=NAME, isthing=FLAG)
OPTIONAL_CATEGORY_TYPES = dict(color=(_is_color, 'a list of three whole numbers from 0 to 255'))
ANNOTATION_TYPES = dict(
    image_id=ID, file_name=FILE_NAME, segments_info=(_one_of(list), 'a list of objects')
)
# Null areas and boxes, as COCONut has them, are none.
SEGMENT_TYPES = dict(
    id=(_one_of(int), 'a whole number'),
    category_id=ID,
    iscrowd=FLAG,
    area=(_is_area, 'a number from 0 on'),
    bbox=(_is_box, 'a list of numbers'),
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


def id_order(value: int | str) -> tuple[bool, int | str]:
    """Return the key that sorts ids of both types: numbers, then strings."""
    return isinstance(value, str), value

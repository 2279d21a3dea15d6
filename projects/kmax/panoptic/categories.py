"""The categories of a panoptic JSON, and the classes that they become."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..void import MAX_CLASSES
from .faults import Fault, FaultKind
from .field_types import CATEGORY_TYPES, OPTIONAL_CATEGORY_TYPES, find_wrong_types, usable_id

Categories = list[dict[str, Any]]


def complete_metainfo(metainfo: Mapping[str, Any], categories: Categories) -> dict[str, Any]:
    """Fill in the classes that a data set's configuration leaves open.

    Args:
        metainfo: Given ``classes``, ``thing_classes`` and ``palette``, each optional.
        categories: Sound ones, see :func:`find_category_faults`; without given classes their order
            counts, things first.

    Returns:
        ``classes``, ``thing_classes``, ``stuff_classes`` and ``palette``, where they are numbers
        ``category_ids``, the categories' of the classes, and whatever else was given.
    """
    classes, things = _name_classes(metainfo, categories)
    id_of = {category['name']: category['id'] for category in categories}
    ids = tuple(id_of.get(name) for name in classes)
    are_numbers = all(isinstance(value, int) for value in ids)
    return {
        **metainfo,
        **({'category_ids': ids} if are_numbers else {}),
        'classes': classes,
        'thing_classes': things,
        'stuff_classes': _without(things, classes),
        'palette': metainfo.get('palette') or make_palette(classes, categories),
    }


def _name_classes(
    metainfo: Mapping[str, Any], categories: Categories
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all classes, and the things among them."""
    ordered = sorted(categories, key=lambda category: not category['isthing'])
    classes = tuple(metainfo.get('classes', [category['name'] for category in ordered]))
    names = {category['name'] for category in categories if category['isthing']}
    things = metainfo.get('thing_classes', [name for name in classes if name in names])
    return classes, tuple(things)


def _without(things: tuple[str, ...], classes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in classes if name not in things)


def label_categories(categories: Categories, classes: tuple[str, ...]) -> dict[Any, int]:
    """Return the label of each category id, found by its name."""
    return {category['id']: classes.index(category['name']) for category in categories}


def usable_ids(categories: Categories) -> list[Any]:
    """Return the ids of the categories, of faulty ones as well where they have one."""
    ids = (usable_id(category.get('id')) for category in categories)
    return [value for value in dict.fromkeys(ids) if value is not None]


def find_category_faults(
    categories: Categories, metainfo: Mapping[str, Any], path: str
) -> Iterator[Fault]:
    """Yield what is wrong with the categories, or between them and the given classes."""
    for messages in (
        _find_wrong_fields(categories, path),
        _find_shared_values(categories, path),
        _find_contradictions(categories, metainfo, path),
    ):
        found = [Fault(FaultKind.CATEGORIES, message) for message in messages]
        yield from found
        if found:
            return  # What is looked for next takes this for granted.


def _find_wrong_fields(categories: Categories, path: str) -> Iterator[str]:
    for category in categories:
        missing = [field for field in CATEGORY_TYPES if field not in category]
        for field in missing:
            yield f'a category of {path} has no field "{field}": {category}'
        for text in find_wrong_types(category, CATEGORY_TYPES | OPTIONAL_CATEGORY_TYPES):
            yield f'category {category.get("id")} of {path} {text}'


def _find_shared_values(categories: Categories, path: str) -> Iterator[str]:
    for field in ('id', 'name'):
        for value, count in Counter(category[field] for category in categories).items():
            if count > 1:
                yield f'{path} has several categories with the {field} {value!r}'
    first_of_type = {type(category['id']): category['id'] for category in reversed(categories)}
    if len(first_of_type) > 1:
        found = ' and '.join(repr(value) for value in first_of_type.values())
        yield f'{path} has category ids of two types, such as {found}: make all of them numbers'


def _find_contradictions(
    categories: Categories, metainfo: Mapping[str, Any], path: str
) -> Iterator[str]:
    classes, things = _name_classes(metainfo, categories)
    if len(classes) > MAX_CLASSES:
        yield (
            f'{path} has {len(classes)} classes, but panoptic predictions can tell no more than '
            f'{MAX_CLASSES}: merge or leave out classes'
        )
    if classes != things + _without(things, classes):
        yield f'classes must begin with the things {things}, but are {classes}'
    for category in categories:
        name, is_thing = category['name'], bool(category['isthing'])
        described = f'category {category["id"]} "{name}" of {path}'
        if name not in classes:
            yield f'{described} is unknown: the classes are {classes}'
        elif is_thing != (name in things):
            yield f'{described} has isthing={category["isthing"]}, but the things are {things}'


def make_palette(classes: Iterable[str], categories: list[dict]) -> list[tuple[int, int, int]]:
    """Return an RGB colour for each class: the category's own, or a fixed random one."""
    given = {category['name']: category.get('color') for category in categories}
    drawn = np.random.default_rng(0).integers(32, 256, (len(tuple(classes)), 3)).tolist()
    return [tuple(given.get(name) or color) for name, color in zip(classes, drawn, strict=True)]

"""What an exported file says of itself: all that who runs it must know."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

from ..result import Classes
from .onnx_file import ENTRY, read_metadata
from .reading import DECODERS
from .resizing import OPENCV, PILLOW, FitAligned, Rescale, Resize, keep

FORMAT = 'kmax-deeplab'
FORMAT_VERSION = 1

INPUTS = ('image', 'content')
"""What every file takes."""

MAPS = ('panoptic', 'ids', 'labels', 'scores', 'areas')
"""What a file of maps gives."""


@dataclass(frozen=True)
class Contract:
    """What a file expects and gives.

    Attributes:
        classes: What labels stand for.
        size: ``(height, width)`` of the padded input.
        decoder: What files of images are read by, ``'cv2'`` or ``'pillow'``.
        resize: Brings an image to the size that the network sees, before it is padded.
        merges_at: Where segments are decided, ``'input'`` or ``'output'``: the map then has that
            size.
        fields: All of it, as it is written.
    """

    classes: Classes
    size: tuple[int, int]
    decoder: str
    resize: Resize
    merges_at: str
    fields: Mapping[str, Any]


def read_contract(path: str | Path) -> Contract:
    """Read the contract of a file.

    Raises:
        OSError: If there is no such file, or it cannot be read.
        ValueError: If it is of another origin or format version, holds logits only, or a field is
            missing or has a value that is not known.
    """
    text = read_metadata(path).get(ENTRY)
    try:
        fields = json.loads(text or 'null')
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or fields.get('format') != FORMAT:
        raise ValueError(
            f'{path} was not written by kmax-deeplab export, whose files tell their classes and '
            'sizes: export the model again with it'
        )
    version = fields.get('format_version')
    if version != FORMAT_VERSION:
        raise ValueError(
            f'{path} has format version {version!r}, and this kmax-deeplab reads '
            f'{FORMAT_VERSION}: export it again, or use the kmax-deeplab that wrote it'
        )
    if fields.get('output') == 'logits':
        raise ValueError(
            f'{path} holds logits, of which no segments are made here: export it with --output maps'
        )
    try:
        _one_of(fields, 'output', ('maps',))
        return _parse(fields)
    except ValueError as error:
        raise ValueError(f'the metadata of {path} {error}: export it again') from error


def _parse(fields: Mapping[str, Any]) -> Contract:
    classes = _field(fields, 'classes', _is_list_of_objects, 'a list of objects, one at least')
    return Contract(
        classes=_read_classes(classes, _field(fields, 'num_things', *_up_to(len(classes)))),
        size=_size(fields),
        decoder=_one_of(fields, 'decoder', DECODERS),
        resize=read_resize(_field(fields, 'resize', _is_object, 'an object')),
        merges_at=_one_of(fields, 'merges_at', ('input', 'output')),
        fields=fields,
    )


def _read_classes(classes: list[Any], num_things: int) -> Classes:
    names = [_field(entry, 'name', _is_text, 'a text') for entry in classes]
    ids = [_field(entry, 'category_id', _is_id, 'a whole number or null') for entry in classes]
    colors = [_field(entry, 'color', _is_color, 'three levels or null') for entry in classes]
    return Classes(
        names=tuple(names),
        num_things=num_things,
        category_ids=None if None in ids else ids,
        palette=None if None in colors else [(red, green, blue) for red, green, blue in colors],
    )


def read_resize(how: Mapping[str, Any]) -> Resize:
    """Return what resizes as the metadata describe it.

    Raises:
        ValueError: Where a field is missing or has a value that is not known; says which, to be
            read after what names the metadata.
    """
    rule = _one_of(how, 'rule', ('none', 'aligned', 'fit'))
    if rule == 'none':
        return keep
    size = _size(how)
    if rule == 'aligned':
        return FitAligned(size)
    backend = _one_of(how, 'backend', _FILTERS)
    interpolation = _one_of(how, 'interpolation', _FILTERS[backend])
    keep_ratio = _field(how, 'keep_ratio', _is_bool, 'true or false')
    return Rescale(size, keep_ratio, backend, interpolation)


def _size(fields: Mapping[str, Any]) -> tuple[int, int]:
    height, width = _field(fields, 'size', _is_size, 'a height and a width in pixels')
    return height, width


def _one_of(fields: Mapping[str, Any], name: str, known: Collection[str]) -> str:
    # What is no text may have no hash.
    return _field(
        fields, name, lambda value: _is_text(value) and value in known, f'one of {", ".join(known)}'
    )


def _field(
    fields: Mapping[str, Any], name: str, is_right: Callable[[Any], bool], expected: str
) -> Any:
    """Return a field of the metadata; a ValueError says which is missing or wrong."""
    if name not in fields:
        raise ValueError(f'lacks {name}')
    if not is_right(fields[name]):
        raise ValueError(f'has {name} {shorten(fields[name])}, but it must be {expected}')
    return fields[name]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_object, value))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_id(value: Any) -> bool:
    return value is None or _is_whole(value)


def _is_size(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(_is_whole(side) and side > 0 for side in value)
    )


def _is_color(value: Any) -> bool:
    return value is None or (
        isinstance(value, list)
        and len(value) == 3
        and all(_is_whole(level) and 0 <= level <= 255 for level in value)
    )


def _up_to(most: int) -> tuple[Callable[[Any], bool], str]:
    return lambda value: _is_whole(value) and 0 <= value <= most, f'a whole number from 0 to {most}'


_FILTERS: Mapping[str, Collection[str]] = {'cv2': OPENCV, 'pillow': PILLOW}

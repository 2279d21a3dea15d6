"""What an exported file says of itself: all that who runs it must know."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..result import Classes
from .onnx_file import read_metadata
from .reading import DECODERS
from .resizing import OPENCV, PILLOW, FitAligned, Rescale, Resize, keep

KEY = 'kmax'
"""Of the metadata of the ONNX file, under which the contract is, as JSON."""

FORMAT = 'kmax-deeplab'
FORMAT_VERSION = 1


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
    text = read_metadata(path).get(KEY)
    try:
        fields = json.loads(text or 'null')
    except ValueError:
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
    if fields.get('output') != 'maps':
        raise ValueError(
            f'{path} holds {fields.get("output")}, of which no segments are made here: export it '
            'with --output maps'
        )
    try:
        return _parse(fields)
    except (KeyError, TypeError, ValueError) as error:
        reason = f'lacks {error}' if isinstance(error, KeyError) else str(error)
        raise ValueError(f'the metadata of {path} {reason}: export it again') from error


def _parse(fields: Mapping[str, Any]) -> Contract:
    return Contract(
        classes=_read_classes(fields),
        size=_size(fields, 'size'),
        decoder=_one_of(fields, 'decoder', DECODERS),
        resize=read_resize(fields['resize']),
        merges_at=_one_of(fields, 'merges_at', ('input', 'output')),
        fields=fields,
    )


def _read_classes(fields: Mapping[str, Any]) -> Classes:
    classes = fields['classes']
    ids = [entry['category_id'] for entry in classes]
    colors = [entry['color'] for entry in classes]
    return Classes(
        names=tuple(entry['name'] for entry in classes),
        num_things=fields['num_things'],
        category_ids=None if None in ids else ids,
        palette=None if None in colors else [(red, green, blue) for red, green, blue in colors],
    )


def read_resize(how: Mapping[str, Any]) -> Resize:
    """Return what resizes as the metadata describe it."""
    rule = _one_of(how, 'rule', ('none', 'aligned', 'fit'))
    if rule == 'none':
        return keep
    size = _size(how, 'size')
    if rule == 'aligned':
        return FitAligned(size)
    backend = _one_of(how, 'backend', _FILTERS)
    interpolation = _one_of(how, 'interpolation', _FILTERS[backend])
    return Rescale(size, how['keep_ratio'], backend, interpolation)


def _size(fields: Mapping[str, Any], name: str) -> tuple[int, int]:
    height, width = fields[name]
    return int(height), int(width)


def _one_of(fields: Mapping[str, Any], name: str, known: Collection[str]) -> str:
    if fields[name] not in known:
        raise ValueError(f'has {name} {fields[name]!r}, but it must be one of {", ".join(known)}')
    return fields[name]


_FILTERS: Mapping[str, Collection[str]] = {'cv2': OPENCV, 'pillow': PILLOW}

"""Files of the panoptic format: JSON annotations and PNGs whose colours are segment ids."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.atomic_file import write_atomically
from kmax_deeplab.local_files import HEADER_BYTES, MAX_BYTES, check_regular, check_size
from kmax_deeplab.panoptic_png import MAX_ID, write_panoptic_png

from .json_files import read_json
from .png_decoding import decode_colors

__all__ = [
    'MAX_ID',
    'read_panoptic_json',
    'read_panoptic_png',
    'write_panoptic_json',
    'write_panoptic_png',
]


def read_panoptic_json(
    path: str | Path, fields: Collection[str], backend_args: dict | None = None
) -> dict[str, Any]:
    """Read a JSON that must hold the given fields.

    Its lists hold objects or are refused here; what is wrong with the objects,
    :func:`..records.find_record_faults` says. Raises an OSError or a ValueError.
    """
    content = read_json(path, f'panoptic JSON {path}', backend_args)
    if not isinstance(content, dict):
        raise ValueError(f'panoptic JSON {path} must hold an object with the fields {list(fields)}')
    missing = [field for field in fields if field not in content]
    if missing:
        raise ValueError(f'panoptic JSON {path} lacks the fields {missing}')
    categories = content.get('categories', [])
    for field, sound in (
        ('images', isinstance(content.get('images', []), list)),
        ('categories', _holds_objects(categories)),
    ):
        if not sound:
            raise ValueError(f'the "{field}" of panoptic JSON {path} must be a list of objects')
    _check_task(content.get('annotations', []), path)
    for category in categories:
        # ADE20K's public scripts write "window " with a space.
        if isinstance(category.get('name'), str):
            category['name'] = category['name'].strip()
    return content


def _holds_objects(records: Any) -> bool:
    return isinstance(records, list) and all(isinstance(record, dict) for record in records)


def _check_task(annotations: Any, path: str | Path) -> None:
    """Refuse the annotations of instances, key points or captions."""
    if not _holds_objects(annotations):
        raise ValueError(f'{path} is no panoptic JSON: its "annotations" must be a list of objects')
    first = annotations[0] if annotations else {}
    for field in ('segmentation', 'caption'):
        if field in first and 'segments_info' not in first:
            raise ValueError(
                f'{path} is no panoptic JSON: its annotations have "{field}" instead of '
                '"segments_info"; give the panoptic one, such as panoptic_train2017.json'
            )


def write_panoptic_json(
    path: Path,
    *,
    info: dict[str, Any] | None = None,
    images: list[dict] | None = None,
    annotations: list[dict] | None = None,
    categories: list[dict] | None = None,
    sync: bool = False,
) -> None:
    """Write the given parts of a JSON, which appears whole or not at all."""
    parts = dict(info=info, images=images, annotations=annotations, categories=categories)
    content = {name: part for name, part in parts.items() if part is not None}
    write_atomically(path, json.dumps(content).encode(), sync)


def read_panoptic_png(
    path: str | Path, image: str, backend_args: dict | None = None
) -> NDArray[np.uint32]:
    """Read the ids ``R + 256 G + 65536 B`` of a panoptic PNG, ``(H, W)``.

    Args:
        path: The file.
        image: Name of the image, for error messages.
        backend_args: Arguments of mmengine's file backend.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it cannot be decoded or has not three channels of 8 bits.
    """
    from mmengine.fileio import get

    described = f'panoptic PNG {path} of {image}'
    try:
        check_regular(path, MAX_BYTES)
        content = get(path, backend_args=backend_args)
        check_size(content[:HEADER_BYTES], path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{described} does not exist') from error
    except OSError as error:
        raise ValueError(f'{described} cannot be read: {error}') from error
    ids = decode_colors(content, described).view('<u4')[..., 0]
    # In place: glibc returns the memory of two arrays side by side to the kernel, again and again.
    ids &= np.uint32(MAX_ID)
    return ids

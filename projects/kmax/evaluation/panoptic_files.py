"""Files of the COCO panoptic format: JSON annotations and PNGs whose colours are segment ids."""

import json
import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SEGMENT_FIELDS = ('id', 'category_id')


def read_panoptic_json(path: str | Path, fields: Collection[str]) -> dict[str, Any]:
    """Read a JSON that must hold the given fields.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it is no JSON object with these fields.
    """
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        raise FileNotFoundError(f'panoptic JSON {path} does not exist') from error
    except ValueError as error:
        raise ValueError(f'panoptic JSON {path} is not valid JSON: {error}') from error
    missing = [field for field in fields if field not in content]
    if missing:
        raise ValueError(f'panoptic JSON {path} lacks the fields {missing}')
    return content


def read_panoptic_png(path: str | Path, image_id: Any) -> NDArray[np.uint32]:
    """Read the ids ``R + 256 G + 65536 B`` of a panoptic PNG, ``(H, W)``.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it cannot be decoded or has not three channels of 8 bits.
    """
    described = f'panoptic PNG {path} of image {image_id}'
    try:
        encoded = np.fromfile(path, np.uint8)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{described} does not exist') from error
    colors = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    if colors is None:
        raise ValueError(f'{described} is truncated or not an image')
    if colors.ndim != 3 or colors.dtype != np.uint8:
        raise ValueError(
            f'{described} must have three channels of 8 bits, but is {colors.dtype} of shape '
            f'{colors.shape}'
        )
    rgba = cv2.cvtColor(colors[..., :3], cv2.COLOR_BGR2RGBA)
    return rgba.view('<u4')[..., 0] & np.uint32(0xFFFFFF)


def write_panoptic_png(path: Path, ids: NDArray[np.integer]) -> None:
    """Write ids ``(H, W)`` below 2^24 as colours; the file appears complete or not at all."""
    colors = np.ascontiguousarray(ids, dtype='<u4').view(np.uint8).reshape(*ids.shape, 4)
    _, encoded = cv2.imencode('.png', cv2.cvtColor(colors[..., :3], cv2.COLOR_RGB2BGR))
    write_atomically(path, encoded.tobytes())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.{threading.get_ident()}')
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_segments(
    annotation: dict, fields: Collection[str], categories: Collection[int], path: str | Path
) -> None:
    """Refuse segments without the given fields or of a category that does not exist.

    Raises:
        ValueError: When a field is missing.
        KeyError: When a category is unknown.
    """
    image = f'image {annotation["image_id"]} ({annotation["file_name"]}) in {path}'
    for segment in annotation['segments_info']:
        missing = [field for field in fields if field not in segment]
        if missing:
            raise ValueError(f'segment {segment.get("id")} of {image} lacks the fields {missing}')
        if segment['category_id'] not in categories:
            raise KeyError(
                f'segment {segment["id"]} of {image} has the unknown category '
                f'{segment["category_id"]}; known are {sorted(categories)}'
            )

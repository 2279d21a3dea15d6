"""Images that somebody gives to be looked at: places, arrays, PIL images, encoded bytes."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import cv2
import numpy as np
from mmengine.fileio import get_file_backend
from PIL import Image, ImageOps

from ..panoptic.local_files import check_image


def as_image(value: Any) -> Any:
    """Return a path or URL as a string, and any other image as a BGR array ``(h, w, 3)``.

    Raises:
        TypeError: For what is no image, or an array of another type.
        ValueError: For an array of another shape or range, or bytes that hold no image.
    """
    if isinstance(value, str):
        return _check_place(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _decode(bytes(value))
    if isinstance(value, Image.Image):
        return _from_pil(value)
    if isinstance(value, np.ndarray):
        return _three_channels(_check_levels(value))
    raise TypeError(
        f'an image of type {type(value).__name__} cannot be read: give a path, a BGR array '
        '(h, w, 3) of uint8, a PIL image, the bytes of an image file, or a list of these'
    )


def _check_place(path: str) -> str:
    """Refuse the URL of a kind that mmengine knows no way to read."""
    if '://' in path:
        try:
            get_file_backend(path)
        except KeyError as error:
            raise ValueError(f'{path} cannot be read: {error.args[0]} is no known place') from error
    return path


def as_input(value: Any) -> Any:
    """Do as :func:`as_image`; what mmdet's inferencer takes beside it is a dict with an image."""
    if not isinstance(value, dict):
        return as_image(value)
    name = next((name for name in ('img', 'img_path') if name in value), None)
    if name is None:
        raise TypeError(f"a dict of {', '.join(map(repr, value))} is no image: it needs 'img_path'")
    return {**value, name: as_image(value[name])}


def _decode(content: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if image is None:
        raise ValueError(f'{len(content)} bytes were given, which are no image that can be decoded')
    return image


def _from_pil(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(('I', 'F')):
        raise TypeError(
            f'a PIL image of mode {image.mode} has more than 8 bits per channel: bring its levels '
            'to 0 ... 255 and convert it to mode RGB'
        )
    # As OpenCV reads a file: turned upright, without transparency.
    upright = ImageOps.exif_transpose(image).convert('RGB')
    return _three_channels(_check_levels(np.ascontiguousarray(np.asarray(upright)[..., ::-1])))


def _check_levels(image: np.ndarray) -> np.ndarray:
    """Return an array of levels 0 ... 255, uint8 or float32."""
    if image.size == 0:
        raise ValueError(f'an array of shape {image.shape} is empty: it holds no image')
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind != 'f':
        raise TypeError(
            f'an array of type {image.dtype} is no image: bring its levels to 0 ... 255 and '
            'convert it to uint8'
        )
    low, high = float(image.min()), float(image.max())
    # Black is black by any scale.
    if not (low >= 0 and (high == 0 or 1 < high <= 255)):
        raise ValueError(
            f'an array of type {image.dtype} has levels {low:g} ... {high:g}, expected are 0 ... '
            '255: bring them to that range and convert it to uint8'
        )
    return image.astype(np.float32, copy=False)


def _three_channels(image: np.ndarray) -> np.ndarray:
    """Return BGR of grey ``(h, w)`` or ``(h, w, 1)``, BGR ``(h, w, 3)`` or BGRA ``(h, w, 4)``."""
    if image.ndim == 2:
        image = image[..., None]
    channels = image.shape[2] if image.ndim == 3 else None
    if channels == 1:
        return np.repeat(image, 3, axis=2)
    if channels == 3:
        return image
    if channels == 4:
        return np.ascontiguousarray(image[..., :3])
    raise ValueError(
        f'an array of shape {image.shape} is no image: expected (height, width), or (height, '
        'width, channels) with 1 channel, 3 channels (BGR) or 4 channels (BGRA)'
    )


def in_chunks(items: Iterable, size: int) -> Iterator[list]:
    """Yield lists of as many items; the last may be shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def name_of(image: Any) -> Any:
    """Return the place or array of an image that may be a dict."""
    return image.get('img', image.get('img_path')) if isinstance(image, dict) else image


def read(pipeline: Any, image: Any) -> Any:
    """Let a pipeline read an image; an OSError names one that cannot be read."""
    name = name_of(image)
    try:
        if isinstance(name, str):
            check_image(name)
        return pipeline(image)
    # mmcv answers an unreadable file with an assertion, OpenCV an empty one with its own error.
    except (OSError, AssertionError, cv2.error) as error:
        described = name if isinstance(name, str) else 'the array'
        is_empty = isinstance(name, str) and os.path.isfile(name) and not os.path.getsize(name)
        reason = 'it is empty' if is_empty else str(error).strip() or type(error).__name__
        raise OSError(f'{described} cannot be read as an image: {reason}') from error

"""Pixels that somebody gives to be looked at: arrays, PIL images, encoded bytes."""

import os
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps


def to_pixels(value: Any) -> np.ndarray:
    """Return an image that is no file as a BGR array ``(h, w, 3)``, uint8 or float32.

    Args:
        value: An array ``(h, w)`` or ``(h, w, c)`` in the order that it has, a PIL image, or the
            bytes of an image file.

    Raises:
        TypeError: For what is no image, or an array of another type.
        ValueError: For an array of another shape or range, or bytes that hold no image.
    """
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


def to_rgb(image: np.ndarray) -> NDArray[np.uint8]:
    """Return the pixels to draw on of BGR ones ``(h, w, 3)``, which may be fractions."""
    levels = image if image.dtype == np.uint8 else np.rint(image).astype(np.uint8)
    return np.ascontiguousarray(levels[..., ::-1])


def unreadable(image: Any, error: BaseException) -> OSError:
    """Return the error that names an image, a path or an array, which another says is none."""
    described = image if isinstance(image, str) else 'the array'
    is_empty = isinstance(image, str) and os.path.isfile(image) and not os.path.getsize(image)
    reason = 'it is empty' if is_empty else str(error).strip() or type(error).__name__
    return OSError(f'{described} cannot be read as an image: {reason}')


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

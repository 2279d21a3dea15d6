"""Images as ``LoadImageFromFile`` of a test pipeline reads them, by OpenCV or by Pillow."""

import io
import os
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from ..given_images import to_pixels, unreadable
from ..local_files import check_image

DECODERS = ('cv2', 'pillow')

CANVAS = (124, 117, 104)
"""Colour that stands behind grey images with transparency, as mmcv has it."""


def read_image(image: Any, decoder: str, channel_order: str) -> tuple[np.ndarray, str | None]:
    """Return the pixels of an image, BGR ``(h, w, 3)``, and its path if it has one.

    Args:
        image: A path, an array, a PIL image, or the bytes of an image file.
        decoder: Of ``DECODERS``; what reads a file.
        channel_order: Of an array, ``'bgr'`` or ``'rgb'``.

    Raises:
        OSError: If a file cannot be read.
        ValueError, TypeError: For what is no image.
    """
    if not isinstance(image, str | os.PathLike):
        pixels = to_pixels(image)
        if isinstance(image, np.ndarray) and channel_order == 'rgb':
            pixels = np.ascontiguousarray(pixels[..., ::-1])
        return pixels, None
    path = os.fsdecode(image)
    if '://' in path:
        raise ValueError(f'{path} is an address, and only files are opened: download it first')
    if not path:
        raise FileNotFoundError('an empty name is no image: give a path')
    try:
        check_image(path)
        with open(path, 'rb') as file:
            decoded = _DECODE[decoder](file.read())
        if decoded is None:
            raise OSError(f'failed to load image: {path}')
    except (OSError, cv2.error, Image.DecompressionBombError) as error:
        raise unreadable(path, error) from error
    return decoded, path


def _decode_by_opencv(content: bytes) -> np.ndarray | None:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def _decode_by_pillow(content: bytes) -> np.ndarray:
    picture: Image.Image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if picture.mode == 'LA':
        with_alpha = picture.convert('RGBA')
        picture = Image.new('RGB', with_alpha.size, CANVAS)
        picture.paste(with_alpha, mask=with_alpha.split()[3])
    return np.asarray(picture.convert('RGB'))[..., ::-1]


_DECODE: dict[str, Callable[[bytes], np.ndarray | None]] = {
    'cv2': _decode_by_opencv,
    'pillow': _decode_by_pillow,
}

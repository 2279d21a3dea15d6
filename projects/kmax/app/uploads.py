"""What a visitor may upload, and how it is read."""

import io
import warnings
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from kmax_deeplab.given_images import to_pixels
from kmax_deeplab.pictures.drawing import enlarge

FORMATS = ('JPEG', 'PNG', 'WEBP', 'TIFF', 'BMP', 'GIF')
"""Formats by Pillow's names; only their headers are read before the size is known to be allowed."""

LARGEST_SEEN = 2048
"""Pixels of the longer side of what the networks see: some configs do not resize images, and no
released model sees more."""

LARGEST_SHOWN = 1024
"""Pixels of the longer side of what the page shows; files are made in full size."""


@dataclass(frozen=True)
class Limits:
    """The largest upload.

    Attributes:
        megapixels: Millions of pixels of an image.
        megabytes: Millions of bytes of its file.
    """

    megapixels: float = 50
    megabytes: float = 50

    @property
    def bytes(self) -> int:
        """The bytes of the largest file."""
        return round(self.megabytes * 1e6)


@dataclass(frozen=True, eq=False)
class Upload:
    """An image that was uploaded.

    Attributes:
        content: The bytes of its file.
        pixels: BGR ``(H, W, 3)`` uint8, upright and without transparency.
        note: What a visitor should know of how it was read, or an empty text.
    """

    content: bytes
    pixels: NDArray[np.uint8]
    note: str = ''


def read_upload(content: bytes, limits: Limits) -> Upload:
    """Read an uploaded file; pixels are decoded only once its header is known to be allowed.

    Raises:
        ValueError: If it is too large, no image, or damaged.
    """
    if len(content) > limits.bytes:
        raise ValueError(
            f'The file has {len(content) / 1e6:.1f} MB, the limit is {limits.megabytes:g} MB: '
            'save it smaller.'
        )
    width, height, frames = _read_header(content, limits)
    if width * height > limits.megapixels * 1e6:
        raise ValueError(
            f'The image has {width} × {height} pixels, the limit is {limits.megapixels:g} million: '
            'make it smaller.'
        )
    note = f'Only the first of {frames} frames or pages is used.' if frames > 1 else ''
    return Upload(content, decode(content), note)


def decode(content: bytes) -> NDArray[np.uint8]:
    """Return the BGR pixels ``(H, W, 3)`` of a file.

    Raises:
        ValueError: If it is damaged, or of levels that are no colours.
    """
    try:
        return to_pixels(content)
    except (ValueError, cv2.error) as error:
        raise ValueError(
            'The image is damaged, or its pixels are of a kind that is not read: save it as an '
            'ordinary PNG or JPEG.'
        ) from error


def seen(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the BGR image ``(h, w, 3)`` that the networks see of one ``(H, W, 3)``."""
    return _shrink(pixels, LARGEST_SEEN)


def shown(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the RGB image ``(h, w, 3)`` that the page shows of a BGR image ``(H, W, 3)``."""
    return np.ascontiguousarray(enlarge(_shrink(pixels, LARGEST_SHOWN))[..., ::-1])


def _shrink(pixels: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = most / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _read_header(content: bytes, limits: Limits) -> tuple[int, int, int]:
    """Return width, height and the number of frames."""
    try:
        with warnings.catch_warnings():
            # Of images that are large, but not too large.
            warnings.simplefilter('ignore')
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                return *image.size, _count_frames(image)
    except UnidentifiedImageError as error:
        kinds = 'JPEG, PNG, WebP, TIFF, BMP or GIF'
        raise ValueError(f'The file is not an image: choose a {kinds}.') from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f'The image has more than {limits.megapixels:g} million pixels: make it smaller.'
        ) from error
    # Pillow's readers fail in as many ways as files are damaged.
    except Exception as error:
        raise ValueError('The image is damaged: save it again.') from error


def _count_frames(image: Any) -> int:
    return getattr(image, 'n_frames', 1)

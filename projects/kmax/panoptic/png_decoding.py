"""Decoding the PNGs of panoptic maps, several times faster where kornia-rs is installed.

OpenCV's decoder spends its time in zlib, which copies the long runs of label maps byte by byte. The
Rust crate ``png``, which kornia-rs (https://github.com/kornia/kornia-rs, Apache 2.0) brings to
Python without dependencies, takes an eighth of it.
"""

import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

try:
    from kornia_rs.io import decode_image_png_u8
except ImportError:
    decode_image_png_u8 = None

SIZE, KIND = slice(16, 24), slice(24, 26)
"""Where a PNG tells its width and height, and its depth and type of colours."""
RGB_OF_8_BITS = b'\x08\x02'
LAST_CHUNK = b'\0\0\0\0IEND\xaeB`\x82'
"""What OpenCV asks of a file that is whole; the fast decoder stops at the last pixel."""


def decode_colors(content: bytes, described: str) -> NDArray[Any]:
    """Return the pixels of a PNG as RGBA ``(H, W, 4)`` uint8, whatever its alpha channel holds.

    Raises:
        ValueError: When it cannot be decoded or has not three channels of 8 bits.
    """
    rgb = _decode_fast(bytes(content))
    if rgb is not None:
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA)
    encoded = np.frombuffer(content, np.uint8)
    colors = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if content else None
    if colors is None:
        raise ValueError(f'{described} is truncated or not an image')
    if colors.ndim != 3 or colors.dtype != np.uint8:
        raise ValueError(
            f'{described} must have three channels of 8 bits, but has '
            f'{colors.shape[2] if colors.ndim == 3 else 1} of type {colors.dtype}'
        )
    return cv2.cvtColor(colors[..., :3], cv2.COLOR_BGR2RGBA)


def _decode_fast(content: bytes) -> NDArray[Any] | None:
    """Decode to RGB ``(H, W, 3)``; of what is refused OpenCV tells what it is."""
    if decode_image_png_u8 is None or content[KIND] != RGB_OF_8_BITS:
        return None
    if not content.endswith(LAST_CHUNK):
        return None
    width, height = struct.unpack('>II', content[SIZE])
    try:
        return decode_image_png_u8(content, (height, width), 'rgb')
    except Exception:  # It raises no class of its own.
        return None

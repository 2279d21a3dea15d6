"""Sizes of images without their pixels, and whether files end as they should."""

import os
import zlib
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from .rasters import Size

ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
"""Orientations with which the sides of an image are exchanged."""

PNG_CHUNKS_AT = 8
JPEG_END = b'\xff\xd9'
JPEG_TAIL = 1 << 16
"""Last bytes of a JPEG in which its end is looked for; tools put data of their own behind it."""


def read_size(file: BinaryIO) -> Size:
    """Return ``(height, width)`` of an image as OpenCV shows it.

    Raises:
        OSError: If it is no image, or a JPEG that OpenCV does not read to its end.
        SyntaxError: If its header is damaged, as Pillow has it.
        ValueError: If it is a PNG that is damaged or truncated.
    """
    with Image.open(file) as image:
        width, height = image.size
        kind = image.format
        # Pillow would decode a PNG for it, and take it from texts which OpenCV does not know.
        orientation = None if kind == 'PNG' else image.getexif().get(ORIENTATION)
    if kind == 'PNG':
        orientation = _read_chunks(file)
    elif kind in ('JPEG', 'MPO'):
        _check_end(file)
    return (width, height) if orientation in TURNED else (height, width)


def _read_chunks(file: BinaryIO) -> int | None:
    """Check the parts of a PNG, and return the orientation in its EXIF if it has one."""
    orientation = None
    end = file.seek(0, os.SEEK_END)
    file.seek(PNG_CHUNKS_AT)
    while True:
        length, name = int.from_bytes(file.read(4), 'big'), file.read(4)
        if file.tell() + length + 4 > end:
            raise ValueError('the file is truncated')
        content = file.read(length)
        is_sound = zlib.crc32(content, zlib.crc32(name)) == int.from_bytes(file.read(4), 'big')
        # libpng does without parts that are not critical: their names begin in lower case.
        if not is_sound and name[:1].isupper():
            raise ValueError(f'the file is damaged: its {name.decode("latin-1")} has a wrong CRC')
        if name == b'eXIf' and is_sound:
            exif = Image.Exif()
            exif.load(content)
            orientation = exif.get(ORIENTATION)
        if name == b'IEND':
            return orientation


def _check_end(file: BinaryIO) -> None:
    """Refuse a JPEG without its end, which is decoded to be sure."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - JPEG_TAIL, 0))
    if JPEG_END in file.read():
        return
    file.seek(0)
    if cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR) is None:
        raise OSError('the file is truncated')

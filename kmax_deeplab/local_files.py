"""What is no file to read: folders, pipes and devices, which hang or never end, and huge images."""

import os
import stat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 2**28
"""Pixels of the largest image that is decoded, 16384 x 16384; a PNG of few bytes can claim more."""

MAX_BYTES = 2**31
"""Bytes of the largest image file that is read, more than ``MAX_PIXELS`` take without compression;
one with holes is larger than the disk."""

_KINDS = (
    (stat.S_ISDIR, 'a folder'),
    (stat.S_ISFIFO, 'a named pipe'),
    (stat.S_ISCHR, 'a device'),
    (stat.S_ISBLK, 'a device'),
    (stat.S_ISSOCK, 'a socket'),
)
_PNG = b'\x89PNG\r\n\x1a\n'
HEADER_BYTES = 24
"""As many first bytes tell the size of a PNG."""


def check_regular(path: str | os.PathLike[str], most: int | None = None) -> None:
    """Raise an OSError if a path is there but no regular file, or one of more than ``most`` bytes.

    What cannot be looked at is left to its reader: URLs, and paths that do not exist.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return
    mode = status.st_mode
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), 'something else')
        raise OSError(f'{path} is {kind}, not a file')
    if most is not None and status.st_size > most:
        raise OSError(f'{path} has {status.st_size} bytes, more than the {most} that are read')


def check_image(path: str | Path) -> None:
    """Raise an OSError if an image is no regular file, or larger than is read."""
    check_regular(path, MAX_BYTES)
    try:
        with open(path, 'rb', buffering=0) as file:
            header = file.read(HEADER_BYTES)
    except (OSError, ValueError):
        return  # Its reader says why, and knows other places than this machine's disks.
    check_size(header, path)


def read_pixels(path: Path, flags: int) -> NDArray[Any]:
    """Read an image of this machine's disks with OpenCV's ``flags``; an OSError names it."""
    check_image(path)
    content = np.fromfile(path, np.uint8)
    try:
        pixels = cv2.imdecode(content, flags) if content.size else None
    except cv2.error as error:
        raise OSError(f'{path} cannot be decoded: {error.err}') from error
    if pixels is None:
        raise OSError(f'{path} is truncated or not an image')
    return pixels


def check_size(header: bytes, path: str | Path) -> None:
    """Raise an OSError if the first bytes of a PNG tell more than ``MAX_PIXELS``."""
    if not header.startswith(_PNG):
        return  # OpenCV bounds the others.
    width, height = (int.from_bytes(header[at : at + 4], 'big') for at in (16, 20))
    if width * height > MAX_PIXELS:
        raise OSError(
            f'{path} is {width}x{height} pixels, more than the {MAX_PIXELS} that are read: cut it '
            'into tiles'
        )

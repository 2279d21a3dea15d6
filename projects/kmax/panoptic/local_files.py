"""What is no file to read: folders, pipes and devices, which hang or never end, and huge images."""

import os
import stat
from pathlib import Path

MAX_PIXELS = 2**28
"""Pixels of the largest image that is decoded, 16384 x 16384; a PNG of few bytes can claim more."""

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


def check_regular(path: str | Path) -> None:
    """Raise an OSError if a path is there but no regular file.

    What cannot be looked at is left to its reader: URLs, and paths that do not exist.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), 'something else')
        raise OSError(f'{path} is {kind}, not a file')


def check_image(path: str | Path) -> None:
    """Raise an OSError if an image is no regular file or larger than ``MAX_PIXELS``."""
    check_regular(path)
    try:
        with open(path, 'rb') as file:
            header = file.read(HEADER_BYTES)
    except (OSError, ValueError):
        return  # Its reader says why, and knows other places than this machine's disks.
    check_size(header, path)


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

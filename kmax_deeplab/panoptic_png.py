"""PNGs whose colours are segment ids."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .atomic_file import write_atomically

MAX_ID = 256**3 - 1
"""Largest id a panoptic PNG can hold."""


def write_panoptic_png(path: Path, ids: NDArray[np.integer], sync: bool = False) -> None:
    """Write ids ``(H, W)`` up to ``MAX_ID``; the file appears whole or not at all.

    Args:
        path: The file.
        ids: Id of each pixel.
        sync: Whether to wait until it is on the disk.
    """
    colors = np.ascontiguousarray(ids, dtype='<u4').view(np.uint8).reshape(*ids.shape, 4)
    _, encoded = cv2.imencode('.png', cv2.cvtColor(colors, cv2.COLOR_RGBA2BGR))
    write_atomically(path, encoded.tobytes(), sync)

"""What an inferencer is given: one image, several, or a stream of them."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..dataset_preparation.image_files import SUFFIXES, list_images

MAGIC = frozenset('*?[')


def expand_place(place: str) -> list[str] | None:
    """Return the images of a folder, or of a pattern as ``street/*.jpg``; None for one image.

    Raises:
        FileNotFoundError: If there is no image in the folder, or none that fits the pattern.
    """
    if '://' in place:
        return None
    path = Path(place)
    if path.is_dir():
        return [str(path / name) for name in list_images(path)]
    if path.exists() or not MAGIC.intersection(place):
        return None
    found = sorted(file for file in glob.glob(place, recursive=True) if _is_image(file))
    if not found:
        raise FileNotFoundError(f'no image fits {place} ({", ".join(SUFFIXES)})')
    return found


def _is_image(file: str) -> bool:
    return Path(file).suffix.lower() in SUFFIXES and os.path.isfile(file)


def split_inputs(inputs: Any) -> tuple[Iterable[Any], type]:
    """Return the images, and what their results are to be: a list, an iterator, or one result.

    Returns:
        The images with ``list``, ``Iterator`` or ``object`` for one.
    """
    if isinstance(inputs, str | os.PathLike):
        several = expand_place(os.fsdecode(inputs))
        return ([inputs], object) if several is None else (several, list)
    if isinstance(inputs, bytes | bytearray | memoryview | np.ndarray | Image.Image):
        return [inputs], object
    if isinstance(inputs, list | tuple):
        return inputs, list
    if isinstance(inputs, Iterable) and not isinstance(inputs, dict):
        return inputs, Iterator
    return [inputs], object

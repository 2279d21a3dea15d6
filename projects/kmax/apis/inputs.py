"""What an inferencer is given: one image, several, or a stream of them."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..dataset_preparation.image_files import SUFFIXES, list_images

MAGIC = frozenset('*?[')
IMAGES = (*SUFFIXES, '.gif')
"""How images end; of an animated one the first is read."""


def expand_place(place: str, suffixes: Sequence[str] = IMAGES) -> list[str] | None:
    """Return the images of a folder, or of a pattern as ``street/*.jpg``; None for one image.

    Args:
        place: A path, an address, a folder or a pattern.
        suffixes: How files of folders and patterns end that are taken.

    Raises:
        FileNotFoundError: If the name is empty, there is no image in the folder, or none that fits
            the pattern.
    """
    if not place:
        raise FileNotFoundError('an empty name is no image: give a path')
    if '://' in place:
        return None
    path = Path(place)
    if path.is_dir():
        return [str(path / name) for name in list_images(path, suffixes)]
    if path.exists() or not MAGIC.intersection(place):
        return None
    files = glob.glob(place, recursive=True)
    found = sorted(f for f in files if Path(f).suffix.lower() in suffixes and os.path.isfile(f))
    if not found:
        raise FileNotFoundError(f'no image fits {place} ({", ".join(suffixes)})')
    return found


def split_inputs(inputs: Any) -> tuple[Iterable[Any], type]:
    """Return the images, and what their results are to be: a list, an iterator, or one result.

    Returns:
        The images with ``list``, ``Iterator`` or ``object`` for one.
    """
    if isinstance(inputs, str | os.PathLike):
        several = _expand(inputs)
        return several, object if several == [inputs] else list
    if isinstance(inputs, bytes | bytearray | memoryview | np.ndarray | Image.Image):
        return [inputs], object
    if isinstance(inputs, list | tuple):
        return [image for given in inputs for image in _expand(given)], list
    if isinstance(inputs, Iterable) and not isinstance(inputs, dict):
        return inputs, Iterator
    return [inputs], object


def _expand(given: Any) -> list[Any]:
    """Return the images of a folder or pattern in a list, or the one that is given."""
    if not isinstance(given, str | os.PathLike):
        return [given]
    several = expand_place(os.fsdecode(given))
    return [given] if several is None else several

"""Folders of images."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2

from kmax_deeplab.errors import text_of
from kmax_deeplab.local_files import read_pixels

from ..panoptic.faults import Fault, FaultKind
from ..parallel import Progress, run_parallel

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


def list_images(folder: Path, suffixes: Sequence[str] = SUFFIXES) -> list[str]:
    """Return the images in a folder and the folders in it, as sorted relative names.

    Raises:
        FileNotFoundError: If there is no such folder or no image in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder} is not a folder of images')
    names = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob('*')
        if path.suffix.lower() in suffixes and not path.name.startswith('.')
    ]
    if not names:
        raise FileNotFoundError(f'{folder} holds no image ({", ".join(suffixes)})')
    return sorted(names)


def number_images(names: list[str]) -> dict[str, int]:
    """Return an id for each image: its file name if that is a number, as in COCO, else its place.

    Args:
        names: Sorted names of the images.
    """
    stems = [Path(name).stem for name in names]
    numbers = [int(stem) for stem in stems if stem.isascii() and stem.isdigit()]
    if len(set(numbers)) != len(names):
        numbers = list(range(1, len(names) + 1))
    return dict(zip(names, numbers, strict=True))


def measure(path: Path) -> tuple[int, int] | Fault:
    """Read an image whole and return its width and height as it is shown, or what is wrong."""
    if not path.exists():
        return Fault(FaultKind.MISSING_IMAGE, f'image {path} does not exist')
    try:
        image = read_pixels(path, cv2.IMREAD_COLOR)
    except OSError as error:
        return Fault(FaultKind.BROKEN_IMAGE, f'image {text_of(error)}')
    return image.shape[1], image.shape[0]


def measure_all(
    paths: list[Path], workers: int, progress: Progress, title: str
) -> tuple[list[tuple[int, int]], list[Fault]]:
    """Return the sizes of the images that can be read, and what is wrong with the others."""
    results: Iterable = progress(run_parallel(measure, paths, workers), title, len(paths))
    sizes: list[tuple[int, int]] = []
    faults: list[Fault] = []
    for result in results:
        (faults if isinstance(result, Fault) else sizes).append(result)
    return sizes, faults

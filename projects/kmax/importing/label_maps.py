"""Label maps: images whose pixels are classes, instances or both."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kmax_deeplab.errors import text_of
from kmax_deeplab.id_runs import find_runs
from kmax_deeplab.local_files import check_image, check_size

from ..dataset_preparation.image_files import list_images
from ..panoptic.faults import Fault, FaultKind
from ..void import MAX_CLASSES
from .source import Crop, Label, SourceError

SUFFIXES = ('.png', '.tif', '.tiff', '.bmp')
"""Files of label maps; formats that alter pixels are none."""

_OF_NUMBERS = ('L', 'P', '1', 'I', 'I;16', 'I;16B', 'I;16L')
_OF_COLORS = ('RGB', 'RGBA')


@dataclass(frozen=True)
class LabelMap:
    """A label map as it was read.

    Attributes:
        values: ``(H, W)`` value of each pixel: its number, its place in a palette, or
            ``R + 256 G + 65536 B``.
        has_colors: Whether they were made of colours.
    """

    values: NDArray[np.int64]
    has_colors: bool

    def label_of(self, value: int) -> Label:
        """Return how the class of a value is called: colours as ``#rrggbb``."""
        if not self.has_colors:
            return value
        return f'#{value & 255:02x}{value >> 8 & 255:02x}{value >> 16:02x}'


def read_label_map(path: Path, size: tuple[int, int]) -> LabelMap:
    """Read a label map of 8, 16 or 32 bits, with a palette or of colours.

    Args:
        path: The file.
        size: ``(height, width)`` of the image.

    Raises:
        SourceError: If it cannot be read, is no label map or of another size.
    """
    return _decode(path, path, size, lambda: check_image(path))


def decode_label_map(content: bytes, name: str, size: tuple[int, int]) -> LabelMap:
    """Read an encoded label map, which messages call ``name``, see :func:`read_label_map`."""
    return _decode(io.BytesIO(content), name, size, lambda: check_size(content, name))


def _decode(
    file: Path | BinaryIO, path: Path | str, size: tuple[int, int], check: Callable[[], None]
) -> LabelMap:
    try:
        check()
        with Image.open(file) as image:
            mode = image.mode
            pixels = np.asarray(image)
    # Pillow raises all of them of damaged files.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        message = f'label map {path} cannot be read: {text_of(error)}'
        raise SourceError([Fault(FaultKind.BROKEN_PNG, message)]) from error
    if mode not in (*_OF_NUMBERS, *_OF_COLORS):
        message = f'{path} is no label map: its pixels are of kind {mode}, not numbers or colours'
        raise SourceError([Fault(FaultKind.BROKEN_PNG, message)])
    if pixels.shape[:2] != tuple(size):
        message = '{} is {}x{} pixels, but its image is {}x{}'
        shown = message.format(path, *pixels.shape[1::-1], *size[::-1])
        raise SourceError([Fault(FaultKind.SIZE, shown)])
    if mode in _OF_NUMBERS:
        if pixels.min() < 0:
            message = f'{path} holds {pixels.min()}: labels are numbers from 0 on'
            raise SourceError([Fault(FaultKind.BROKEN_PNG, message)])
        return LabelMap(pixels.astype(np.int64), False)
    return LabelMap(pixels[..., :3].astype(np.int64) @ (1, 1 << 8, 1 << 16), True)


def check_classes(found: LabelMap, path: Path) -> None:
    """Refuse a map of classes with too many values, as a photograph has."""
    count = len(np.unique(found.values))
    if count > MAX_CLASSES:
        message = f'{path} holds {count} values, but no more than {MAX_CLASSES} classes can be'
        raise SourceError([Fault(FaultKind.BROKEN_PNG, message)])


def crops_of(values: NDArray[np.int64]) -> dict[int, Crop]:
    """Return the pixels of each value of a map ``(H, W)``, in ascending order."""
    runs = find_runs(values)
    crops = {}
    for value, (left, top, width, height) in zip(
        runs.ids.tolist(), runs.boxes().tolist(), strict=True
    ):
        part = values[top : top + height, left : left + width]
        crops[value] = Crop(part == value, top, left)
    return crops


@dataclass(frozen=True)
class Pairs:
    """Images and their label maps.

    Attributes:
        maps_of: For each name of an image the files of its maps, one of each folder.
        faults: Files that do not pair.
        unlabelled: Number of images without any map.
    """

    maps_of: dict[str, tuple[Path, ...]]
    faults: list[Fault]
    unlabelled: int


def pair_maps(image_dir: Path, folders: list[Path]) -> Pairs:
    """Find the label maps of images: of the same name up to its ending, in the same subfolder.

    Raises:
        FileNotFoundError: If a folder does not exist or is empty.
    """
    images, faults = by_stem(image_dir, list_images(image_dir), 'images')
    maps = []
    for folder in folders:
        found, doubled = by_stem(folder, list_maps(folder), 'label maps')
        maps.append(found)
        faults += doubled
    faults += _find_unpaired(image_dir, images, folders, maps)
    maps_of = {
        name: tuple(folder / found[stem] for folder, found in zip(folders, maps, strict=True))
        for stem, name in images.items()
        if all(stem in found for found in maps)
    }
    unlabelled = sum(not any(stem in found for found in maps) for stem in images)
    return Pairs(maps_of, faults, unlabelled)


def list_maps(folder: Path) -> list[str]:
    """Return the label maps in a folder and the folders in it, as sorted relative names.

    Raises:
        FileNotFoundError: If there is no such folder or no label map in it.
    """
    names = [name for name in list_images(folder) if name.lower().endswith(SUFFIXES)]
    if not names:
        raise FileNotFoundError(
            f'{folder} holds no label map ({", ".join(SUFFIXES)}): other formats alter its pixels'
        )
    return names


def by_stem(folder: Path, names: list[str], what: str) -> tuple[dict[str, str], list[Fault]]:
    """Return the name of each file by the same without its ending, and names that share one."""
    stems = [str(Path(name).with_suffix('')) for name in names]
    doubled = [stem for stem, count in Counter(stems).items() if count > 1]
    faults = [
        Fault(
            FaultKind.PAIRING,
            f'{folder} has several {what} called {stem}: '
            + ', '.join(name for name, each in zip(names, stems, strict=True) if each == stem),
        )
        for stem in doubled
    ]
    return dict(zip(stems, names, strict=True)), faults


def _find_unpaired(
    image_dir: Path, images: dict[str, str], folders: list[Path], maps: list[dict[str, str]]
) -> Iterator[Fault]:
    for folder, found in zip(folders, maps, strict=True):
        for stem, name in found.items():
            if stem not in images:
                message = f'label map {folder / name} has no image {stem} in {image_dir}'
                yield Fault(FaultKind.MISSING_IMAGE, message)
    for stem, name in images.items():
        missing = [str(f) for f, found in zip(folders, maps, strict=True) if stem not in found]
        if 0 < len(missing) < len(folders):
            message = f'image {image_dir / name} has a label map, but none in {missing[0]}'
            yield Fault(FaultKind.PAIRING, message)

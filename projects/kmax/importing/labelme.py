"""Labelme: a folder of one JSON for each image."""

import base64
import binascii
import io
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from PIL import Image

from kmax_deeplab.errors import text_of
from kmax_deeplab.paths import distinct_names

from ..panoptic.faults import Fault, FaultKind
from ..panoptic.field_types import SIZE
from ..panoptic.json_files import read_json
from .coco_records import refuse_faults
from .embedded import suffix_of
from .outlines import ellipse, rectangle, ring_of
from .rasters import Size
from .shapes import (
    Shape,
    check_part,
    describe_left_out,
    join_groups,
    label_of,
    points_of,
    read_shapes,
)
from .source import Crop, Mask, Polygons, Reading, Region, Source, SourceImage

WITHOUT_AREA = ('line', 'linestrip', 'point', 'points')
HEADER_CHARACTERS = 32
"""As many of a text in base64 hold the first bytes of an image."""


@dataclass(frozen=True)
class LabelmeImage(SourceImage):
    """An image with its JSON, which holds it where its file is missing."""

    json_path: Path

    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Make a region of the shapes of each object: of one label and ``group_id``, or alone."""
        shapes = read_labelme(self.json_path)['shapes']
        records = ((f'{self.json_path}, shape {n}', shape) for n, shape in enumerate(shapes))
        found, faults = read_shapes(records, lambda shape, place: _read_shape(shape, place, size))
        regions = join_groups(found, size)
        refuse_faults(faults, regions)
        return regions

    def read_image(self) -> bytes:
        """Return the image that the JSON holds."""
        data = read_labelme(self.json_path)['imageData']
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise ValueError(f'"imageData" of {self.json_path} is damaged: {error}') from error


def read_labelme(path: Path) -> dict[str, Any]:
    """Read a JSON of labelme.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is none.
    """
    content = read_json(path, f'labelme JSON {path}')
    shapes = content.get('shapes') if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise ValueError(f'{path} lacks "shapes", a list of objects: it is no JSON of labelme')
    if not isinstance(content.get('imagePath'), str) or not content['imagePath']:
        raise ValueError(f'{path} lacks "imagePath", the name of its image')
    return content


def _read_shape(shape: dict[str, Any], place: str, size: Size) -> Shape | None:
    kind = shape.get('shape_type') or 'polygon'
    if kind in WITHOUT_AREA:
        return None
    if not isinstance(kind, str) or kind not in _MASKS:
        raise ValueError(f'is of the type {kind!r}, of which {", ".join(_MASKS)} are read')
    group = shape.get('group_id')
    if group is not None and type(group) not in (int, str):
        raise ValueError(f'has the group_id {group!r}, which must be a whole number')
    return Shape(label_of(shape.get('label')), _MASKS[kind](shape, size), place, group)


def _polygon(shape: dict[str, Any], size: Size) -> Mask:
    return Polygons([ring_of(points_of(shape.get('points')))])


def _rectangle(shape: dict[str, Any], size: Size) -> Mask:
    first, second = points_of(shape.get('points'), 2)
    return Polygons([rectangle(*first, *second)])


def _circle(shape: dict[str, Any], size: Size) -> Mask:
    (x, y), (edge_x, edge_y) = points_of(shape.get('points'), 2)
    radius = float(np.hypot(edge_x - x, edge_y - y))
    return Polygons([ellipse(x, y, radius, radius)])


def _mask(shape: dict[str, Any], size: Size) -> Mask:
    """Read the PNG of the pixels from the first point to the second, both included."""
    (left, top), (right, bottom) = (map(int, point) for point in points_of(shape.get('points'), 2))
    expected = (right - left + 1, bottom - top + 1)
    check_part(*expected, size)
    try:
        with Image.open(io.BytesIO(base64.b64decode(shape['mask'], validate=True))) as image:
            if image.size != expected:
                found = '{}x{} pixels, but its points span {}x{}'.format(*image.size, *expected)
                raise ValueError(f'has a mask of {found}')
            return Crop(np.asarray(image.convert('L')) > 0, top, left)
    # Pillow and base64 raise them of what is damaged.
    except (KeyError, TypeError, OSError, SyntaxError, binascii.Error) as error:
        raise ValueError('has a mask that is no PNG in base64') from error


_MASKS: dict[str, Callable[[dict[str, Any], Size], Mask]] = {
    'polygon': _polygon,
    'oriented_rectangle': _polygon,
    'rectangle': _rectangle,
    'circle': _circle,
    'mask': _mask,
}


@dataclass(frozen=True)
class _Found:
    """A JSON with the file of its image, or what comes in its place."""

    json_path: Path
    image: Path
    size: Size | None
    embedded: str | None


def open_source(reading: Reading) -> Source:
    """Find the image of each JSON: below ``image_dir``, or as seen from the JSON.

    Where its file is missing, an image that the JSON holds is taken.

    Raises:
        FileNotFoundError: If there is no such folder or no JSON in it.
    """
    folder = reading.paths[0]
    files = sorted(folder.rglob('*.json')) if folder.is_dir() else []
    if not files:
        raise FileNotFoundError(f'{folder} is no folder with JSON of labelme')
    found, faults = [], []
    left_out: Counter[str] = Counter()
    for file in files:
        try:
            content = read_labelme(file)
            found.append(_find_image(file, content, reading.image_dir))
        except (OSError, ValueError) as error:
            faults.append(Fault(FaultKind.BROKEN_JSON, text_of(error)))
            continue
        kinds = [shape.get('shape_type') for shape in content['shapes']]
        left_out.update(kind for kind in kinds if kind in WITHOUT_AREA)
    notes = describe_left_out(left_out)
    embedded = sum(each.embedded is not None for each in found)
    if embedded:
        notes.append(f'{embedded} images are taken from "imageData", as their files are missing')
    return Source(_name_images(found, reading.image_dir or folder), faults=faults, notes=notes)


def _find_image(file: Path, content: dict[str, Any], image_dir: Path | None) -> _Found:
    name = PureWindowsPath(content['imagePath']).as_posix()
    path = Path(os.path.normpath((image_dir or file.parent) / name))
    if image_dir is not None and not path.exists():
        path = image_dir / Path(name).name
    height, width = content.get('imageHeight'), content.get('imageWidth')
    for side in (height, width):
        if side is not None and not SIZE[0](side):
            raise ValueError(f'{file} has the imageHeight or imageWidth {side!r}: not {SIZE[1]}')
    size = None if height is None or width is None else (height, width)
    data = content.get('imageData')
    if path.exists() or not isinstance(data, str) or not data:
        return _Found(file, path, size, None)
    try:
        return _Found(file, path, size, suffix_of(base64.b64decode(data[:HEADER_CHARACTERS])))
    except ValueError as error:
        raise ValueError(f'"imageData" of {file} {error}, and {path} is missing') from error


def _name_images(found: list[_Found], root: Path) -> list[SourceImage]:
    """Name images as they lie below the folder, or so that they differ where not all do."""
    paths = list(dict.fromkeys(each.image for each in found))
    root = Path(os.path.normpath(root))
    if all(path.is_relative_to(root) for path in paths):
        names = [path.relative_to(root).as_posix() for path in paths]
    else:
        names = distinct_names([path.as_posix() for path in paths])
    name_of = dict(zip(paths, names, strict=True))
    images: list[SourceImage] = []
    for each in found:
        name = name_of[each.image]
        path: Path | None = each.image
        if each.embedded is not None:
            name, path = str(Path(name).with_suffix(each.embedded)), None
        images.append(LabelmeImage(name, str(each.json_path), path, each.size, each.json_path))
    return images

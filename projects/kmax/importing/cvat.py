"""CVAT: the XML of "CVAT for images 1.1", or its export as COCO."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from kmax_deeplab.local_files import check_regular

from ..panoptic.faults import Fault, FaultKind
from ..panoptic.field_types import is_number
from ..panoptic.json_files import MAX_BYTES
from . import instances
from .coco_records import refuse_faults
from .outlines import Ring, ellipse, rectangle, ring_of, turned
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
from .source import ClassHint, Crop, Mask, Polygons, Reading, Region, Source, SourceImage

LABEL_TYPES = ('any', 'polygon', 'mask', 'rectangle', 'bbox', 'ellipse')
"""Types of labels that shapes with an area can have."""

Element = tuple[str, dict[str, str]]
"""The tag of a shape and its attributes."""


@dataclass(frozen=True)
class CvatImage(SourceImage):
    """An image of the XML with its shapes."""

    elements: list[Element]

    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Make a region of the shapes of each object: of one label and group, or alone.

        Regions are in the order of ``z_order``, the nearest last.
        """
        records = ((f'{self.place}, {e[0]} {n}', e) for n, e in enumerate(self.elements))
        found, faults = read_shapes(
            records, lambda element, place: _read_shape(element, place, size)
        )
        ordered = [shape for _, shape in sorted(found, key=lambda pair: pair[0])]
        regions = join_groups(ordered, size)
        refuse_faults(faults, regions)
        return regions


def _read_shape(element: Element, place: str, size: Size) -> tuple[float, Shape]:
    """Read a shape with its ``z_order``."""
    tag, fields = element
    group = fields.get('group_id')
    mask = _MASKS[tag](fields, size)
    shape = Shape(label_of(fields.get('label')), mask, place, None if group == '0' else group)
    return _number(fields, 'z_order', 0), shape


def _number(fields: dict[str, str], name: str, default: float | None = None) -> float:
    text = fields.get(name, default)
    try:
        number = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not is_number(number):
        raise ValueError(f'has {name}="{text}", which must be a number')
    return number


def _polygon(fields: dict[str, str], size: Size) -> Mask:
    try:
        points = [
            [float(value) for value in point.split(',')] for point in fields['points'].split(';')
        ]
    except (KeyError, ValueError) as error:
        raise ValueError('has points that are not like "x1,y1;x2,y2"') from error
    return Polygons([ring_of(points_of(points))])


def _box(fields: dict[str, str], size: Size) -> Mask:
    left, top, right, bottom = (_number(fields, name) for name in ('xtl', 'ytl', 'xbr', 'ybr'))
    ring = rectangle(left, top, right, bottom)
    return _turned(ring, fields, (left + right) / 2, (top + bottom) / 2)


def _ellipse(fields: dict[str, str], size: Size) -> Mask:
    x, y, radius_x, radius_y = (_number(fields, name) for name in ('cx', 'cy', 'rx', 'ry'))
    return _turned(ellipse(x, y, radius_x, radius_y), fields, x, y)


def _turned(ring: Ring, fields: dict[str, str], x: float, y: float) -> Polygons:
    return Polygons([turned(ring, _number(fields, 'rotation', 0), x, y)])


def _mask(fields: dict[str, str], size: Size) -> Mask:
    """Read runs, row by row within a part of the image; the first is background."""
    left, top, width, height = (
        int(_number(fields, name)) for name in ('left', 'top', 'width', 'height')
    )
    check_part(width, height, size)
    try:
        counts = [int(count) for count in fields['rle'].split(',')]
    except (KeyError, ValueError) as error:
        raise ValueError('has an rle that is no list of whole numbers') from error
    if min(counts) < 0 or sum(counts) != width * height:
        raise ValueError(
            f'has an RLE of {sum(counts)} pixels, but its part of the image is {width}x{height}'
        )
    values = np.arange(len(counts)) % 2 == 1
    return Crop(np.repeat(values, counts).reshape(height, width), top, left)


_MASKS: dict[str, Callable[[dict[str, str], Size], Mask]] = {
    'polygon': _polygon,
    'box': _box,
    'ellipse': _ellipse,
    'mask': _mask,
}


def open_source(reading: Reading) -> Source:
    """Read the XML, or the JSON of COCO instances; neither tells things from stuff.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is none of CVAT's for images.
    """
    path = reading.paths[0]
    if path.suffix.lower() == '.json':
        return replace(instances.open_source(reading), others_are_things=False)
    root = read_xml(path)
    if root.find('track') is not None:
        raise ValueError(f'{path} is of "CVAT for video": export "CVAT for images 1.1"')
    images: list[SourceImage] = []
    faults = []
    left_out: Counter[str] = Counter()
    for number, element in enumerate(root.iterfind('image')):
        left_out.update(child.tag for child in element if child.tag not in _MASKS)
        try:
            images.append(_read_image(element, path, reading.images))
        except ValueError as error:
            message = f'image {element.get("name", f"number {number}")} of {path} {error}'
            faults.append(Fault(FaultKind.MISSING_FIELD, message))
    if not images and not faults:
        raise ValueError(f'{path} has no images: export "CVAT for images 1.1" from CVAT')
    return Source(images, _read_labels(root), faults, describe_left_out(left_out))


class _WithoutDoctype(ElementTree.TreeBuilder):
    """Refuses what could name other files, or entities that grow without end."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError('it declares a document type, which CVAT never does')


def read_xml(path: Path) -> ElementTree.Element:
    """Read an XML of CVAT.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no XML, declares a document type or is not of CVAT.
    """
    check_regular(path, MAX_BYTES)
    try:
        root = ElementTree.parse(path, ElementTree.XMLParser(target=_WithoutDoctype())).getroot()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError(f'{path} is no XML that can be read: {error}') from error
    if root is None or root.tag != 'annotations':
        raise ValueError(f'{path} is no XML of CVAT, which begins with <annotations>')
    return root


def _read_image(element: ElementTree.Element, path: Path, image_dir: Path) -> CvatImage:
    name = element.get('name')
    if not name:
        raise ValueError('lacks a name')
    width, height = (_number(dict(element.items()), side) for side in ('width', 'height'))
    elements = [(child.tag, dict(child.items())) for child in element if child.tag in _MASKS]
    place = f'{path}, image {name}'
    return CvatImage(name, place, image_dir / name, (int(height), int(width)), elements)


def _read_labels(root: ElementTree.Element) -> list[ClassHint]:
    """Return the labels of a task, project or job that can have an area, each once."""
    hints: dict[str, ClassHint] = {}
    for label in root.iterfind('meta//label'):
        name = (label.findtext('name') or '').strip()
        if name and label.findtext('type', 'any') in LABEL_TYPES:
            hints[name] = ClassHint(name, color=_color(label.findtext('color', '')))
    return list(hints.values())


def _color(text: str) -> tuple[int, int, int] | None:
    try:
        red, green, blue = bytes.fromhex(text.removeprefix('#'))
    except ValueError:
        return None
    return red, green, blue

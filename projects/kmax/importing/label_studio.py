"""Label Studio: its JSON export with polygons and brushes, or its export as COCO."""

import importlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from ..dataset_preparation.image_files import SUFFIXES, list_images
from ..panoptic.faults import Fault, FaultKind
from ..panoptic.field_types import is_number, usable_id
from ..panoptic.json_files import read_json
from . import instances
from .coco_records import read_records, refuse_faults
from .outlines import ellipse, rectangle, ring_of, turned
from .rasters import Size
from .shapes import describe_left_out, label_of, points_of, read_shapes
from .source import Crop, Mask, Polygons, Reading, Region, Source, SourceImage

UPLOAD_PREFIX = re.compile(r'[0-9a-f]{8}-')
"""What Label Studio puts before the names of images that are uploaded."""

DECODERS = ('label_studio_sdk.converter.brush', 'label_studio_converter.brush')
"""Modules that decode brushes: of today's package and of the one before."""

LABELLED = ('brushlabels', 'polygonlabels', 'rectanglelabels', 'ellipselabels', 'labels')
UNLABELLED = ('brush', 'polygon', 'rectangle', 'ellipse')
"""Types of results with an area; to each of the latter belongs one of ``labels`` with the same id,
if it has a label."""

CHANNELS = 4
"""A brush is decoded to pixels of red, green, blue and opacity."""


@dataclass(frozen=True)
class TaskImage(SourceImage):
    """An image of a task with the results of its annotation, as JSON: it takes less memory."""

    results: str

    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Make a region of each result."""
        results = json.loads(self.results)
        labelled = [result.get('id') for result in results if result['type'] == 'labels']
        records = (
            (f'{self.place}, result {result.get("id", number)}', result)
            for number, result in enumerate(results)
            if result['type'] in LABELLED or result.get('id') not in labelled
        )
        regions, faults = read_shapes(
            records, lambda result, place: _read_result(result, place, size)
        )
        refuse_faults(faults, regions)
        return regions


def _read_result(result: dict[str, Any], place: str, size: Size) -> Region:
    value = result.get('value')
    labels = value.get(result['type']) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(labels, list) or len(labels) != 1:
        raise ValueError(f'has the labels {labels!r}: give it one in Label Studio')
    if result.get('image_rotation'):
        raise ValueError('is drawn on an image turned in Label Studio: turn the file instead')
    drawn_on = (result.get('original_height'), result.get('original_width'))
    if drawn_on != tuple(size):
        found = '{}x{}'.format(*reversed(drawn_on))
        raise ValueError(f'is of an image of {found} pixels, but its image is {size[1]}x{size[0]}')
    make = next((make for field, make in _MASKS.items() if field in value), None)
    if make is None:
        raise ValueError(f'has no outline that is read, but {sorted(value)}')
    return Region(label_of(labels[0]), make(value, size), place)


def _brush(value: dict[str, Any], size: Size) -> Mask:
    """Decode a brush; its first four bytes tell how much it is."""
    try:
        rle = bytes(value['rle'])
    except (TypeError, ValueError) as error:
        raise ValueError('has an RLE that is no list of numbers from 0 to 255') from error
    if int.from_bytes(rle[:4], 'big') != size[0] * size[1] * CHANNELS:
        raise ValueError(f'has an RLE that is not of the {size[1]}x{size[0]} pixels of its image')
    try:
        pixels = import_decoder()(rle)
    # Where the runs end too early.
    except (IndexError, ValueError) as error:
        raise ValueError('has a damaged RLE') from error
    return Crop(np.reshape(pixels, (*size, CHANNELS))[..., CHANNELS - 1] > 0)


def _polygon(value: dict[str, Any], size: Size) -> Mask:
    height, width = size
    points = points_of(value['points'])
    return Polygons([ring_of([(x * width / 100, y * height / 100) for x, y in points])])


def _rectangle(value: dict[str, Any], size: Size) -> Mask:
    left, top, width, height = _pixels(value, ('x', 'y', 'width', 'height'), size)
    ring = rectangle(left, top, left + width, top + height)
    # It is turned about its first corner.
    return Polygons([turned(ring, _number(value, 'rotation', 0), left, top)])


def _ellipse(value: dict[str, Any], size: Size) -> Mask:
    x, y, radius_x, radius_y = _pixels(value, ('x', 'y', 'radiusX', 'radiusY'), size)
    return Polygons(
        [turned(ellipse(x, y, radius_x, radius_y), _number(value, 'rotation', 0), x, y)]
    )


def _pixels(value: dict[str, Any], fields: tuple[str, ...], size: Size) -> list[float]:
    """Return percents of width and height, in turn, as pixels."""
    given = [_number(value, field) for field in fields]
    return [number * size[1 - place % 2] / 100 for place, number in enumerate(given)]


def _number(value: dict[str, Any], field: str, default: float | None = None) -> float:
    number = value.get(field, default)
    if number is None or not is_number(number):
        raise ValueError(f'has "{field}": {number!r}, which must be a number')
    return number


_MASKS: dict[str, Callable[[dict[str, Any], Size], Mask]] = {
    'rle': _brush,
    'points': _polygon,
    'radiusX': _ellipse,
    'width': _rectangle,
}
"""How a mask is made, by a field that only values with such an outline have."""


def import_decoder() -> Callable[[bytes], NDArray[np.uint8]]:
    """Return Label Studio's own decoder of brushes.

    Raises:
        ModuleNotFoundError: If its package is not installed.
    """
    for name in DECODERS:
        try:
            return importlib.import_module(name).decode_rle
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(
        'brushes of Label Studio are decoded by label-studio-sdk: pip install label-studio-sdk'
    )


class ImageIndex:
    """Finds the files of images by what Label Studio calls them.

    Args:
        folder: Folder of the images.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._named: dict[str, list[str]] = defaultdict(list)
        for name in list_images(folder):
            self._named[PurePosixPath(name).name].append(name)

    def find(self, reference: str) -> str:
        """Return the name in the folder, with what is before the name as alike as it can be.

        Args:
            reference: A URL, a path on the server, or a path in an export.

        Raises:
            FileNotFoundError: If it is not there, or two files could be meant; ends a sentence.
        """
        parts = _path_in(reference).parts
        base = parts[-1] if parts else ''
        original = UPLOAD_PREFIX.sub('', base, count=1)
        candidates = self._named.get(base) or self._named.get(original) or []
        if not candidates:
            other = '' if original == base else f', nor is {original}'
            raise FileNotFoundError(
                f'names the image {base or reference}, which is not in {self.folder}{other}'
            )
        alike = {name: _shared_folders(PurePosixPath(name).parts, parts) for name in candidates}
        best = [name for name in candidates if alike[name] == max(alike.values())]
        if len(best) > 1:
            files = ' or '.join(best)
            raise FileNotFoundError(f'names the image {base}, which can be {files}')
        return best[0]


def _path_in(reference: str) -> PurePosixPath:
    if '\\' in reference:
        return PurePosixPath(PureWindowsPath(reference).as_posix())
    url = urlsplit(reference)
    local = parse_qs(url.query).get('d')
    return PurePosixPath(local[0] if local else unquote(url.path))


def _shared_folders(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    pairs = zip(first[-2::-1], second[-2::-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def open_source(reading: Reading) -> Source:
    """Read the JSON of either export; neither tells things from stuff.

    Raises:
        OSError: If a file or folder cannot be read.
        ValueError: If it is no export of Label Studio.
        ModuleNotFoundError: If there are brushes, and Label Studio's package is not installed.
    """
    path = reading.paths[0]
    content = read_json(path, f'JSON {path}')
    index = ImageIndex(reading.images)
    if isinstance(content, dict) and 'images' in content:
        return _open_coco(reading, index)
    if not isinstance(content, list) or not all(_is_task(task) for task in content):
        raise ValueError(
            f'{path} is no JSON export of Label Studio, a list of tasks with "data" and '
            '"annotations": export as JSON (not JSON-MIN) or as COCO'
        )
    return _open_tasks(content, path, index)


def _open_coco(reading: Reading, index: ImageIndex) -> Source:
    """Read instances, whose images are named as they lay on the server."""
    path = reading.paths[0]
    content = read_records(path)
    faults, missing = [], set()
    for image in content['images']:
        try:
            image['file_name'] = index.find(str(image.get('file_name')))
        except FileNotFoundError as error:
            message = f'image {image.get("id")} of {path} {error}'
            faults.append(Fault(FaultKind.MISSING_IMAGE, message))
            missing.add(usable_id(image.get('id')))
    for field, name in (('images', 'id'), ('annotations', 'image_id')):
        content[field] = [
            each for each in content[field] if usable_id(each.get(name)) not in missing
        ]
    source = instances.open_content(content, reading)
    return replace(source, faults=[*faults, *source.faults], others_are_things=False)


def _is_task(task: Any) -> bool:
    return (
        isinstance(task, dict)
        and isinstance(task.get('data'), dict)
        and isinstance(task.get('annotations'), list)
        and all(isinstance(annotation, dict) for annotation in task['annotations'])
    )


def _open_tasks(tasks: list[dict[str, Any]], path: Path, index: ImageIndex) -> Source:
    source = Source([])
    left_out: Counter[str] = Counter()
    for number, task in enumerate(tasks):
        place = f'{path}, task {task.get("id", f"number {number}")}'
        try:
            annotation = _choose_annotation(task)
            if annotation is None:
                source.unlabelled += 1
                continue
            name = index.find(_find_reference(task['data']))
            kept = _results_of(annotation, left_out)
        except FileNotFoundError as error:
            source.faults.append(Fault(FaultKind.MISSING_IMAGE, f'{place} {error}'))
            continue
        except ValueError as error:
            source.faults.append(Fault(FaultKind.WRONG_TYPE, f'{place} {error}'))
            continue
        if any(isinstance(each.get('value'), dict) and 'rle' in each['value'] for each in kept):
            import_decoder()
        file = index.folder / name
        source.images.append(TaskImage(name, place, file, None, json.dumps(kept)))
    source.notes = describe_left_out(left_out)
    return source


def _choose_annotation(task: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the one annotation that counts, None if there is none."""
    given = [a for a in task['annotations'] if not a.get('was_cancelled')]
    given = [a for a in given if a.get('ground_truth')] or given
    if len(given) > 1:
        raise ValueError(
            f'has {len(given)} annotations: delete all but one, or mark one as ground truth'
        )
    return given[0] if given else None


def _find_reference(data: Mapping[str, Any]) -> str:
    """Return the value that names an image."""
    named = {
        field: value
        for field, value in data.items()
        if isinstance(value, str) and _path_in(value).suffix.lower() in SUFFIXES
    }
    if 'image' in named:
        return named['image']
    if len(named) != 1:
        raise ValueError(f'has {len(named)} images in its "data": one is needed')
    return next(iter(named.values()))


def _results_of(annotation: Mapping[str, Any], left_out: Counter[str]) -> list[dict[str, Any]]:
    """Return the results with an area; the types of others are counted."""
    results = annotation.get('result')
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise ValueError('has an annotation without "result", a list of objects')
    kinds = [each.get('type') for each in results]
    with_area = [kind in (*LABELLED, *UNLABELLED) for kind in kinds]
    left_out.update(str(kind) for kind, has in zip(kinds, with_area, strict=True) if not has)
    return [each for each, has in zip(results, with_area, strict=True) if has]

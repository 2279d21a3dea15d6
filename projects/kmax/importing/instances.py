"""COCO's instance JSON, with or without semantic PNGs for the stuff."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..panoptic.faults import Fault, FaultKind
from ..panoptic.field_types import FLAG, usable_id
from .coco_records import (
    find_strangers,
    hints_of,
    listed_ids,
    read_records,
    refuse_faults,
    usable_images,
)
from .label_maps import by_stem, list_maps
from .semantic import read_semantic
from .source import (
    AsThing,
    ClassHint,
    Polygons,
    Reading,
    Region,
    Rle,
    Source,
    SourceError,
    SourceImage,
)

NUMBERS = {int, float}


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is kept of an annotation of the JSON: polygons as arrays take a quarter of the memory.

    Attributes:
        label: Name of its class.
        id: Its id, whatever it is, as a text.
        mask: Its pixels.
        is_crowd: Whether it is a group.
    """

    label: str
    id: str
    mask: Polygons | Rle
    is_crowd: bool


@dataclass(frozen=True)
class AnnotatedImage(SourceImage):
    """An image of the JSON with its annotations, and its map of classes if there is one."""

    json_name: str
    annotations: list[Annotation]
    label_map: Path | None

    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Read the map of classes, and make a region of each annotation."""
        regions, faults = [], []
        if self.label_map is not None:
            try:
                regions += read_semantic(self.label_map, size, AsThing.VOID)
            except SourceError as error:
                faults += error.faults
        for each in self.annotations:
            place = f'{self.json_name}, annotation {each.id} of {self.name}'
            as_thing = AsThing.CROWD if each.is_crowd else AsThing.OBJECT
            regions.append(Region(each.label, each.mask, place, as_thing))
        refuse_faults(faults, regions)
        return regions


def mask_of(segmentation: Any) -> Polygons | Rle | str:
    """Return the mask of COCO's ``segmentation``, or what is wrong with it."""
    if not segmentation:
        return 'has no segmentation: draw one, or delete the annotation'
    if isinstance(segmentation, list):
        if not all(
            isinstance(ring, list) and {*map(type, ring)} <= NUMBERS for ring in segmentation
        ):
            return 'has a polygon that is no list of numbers'
        try:
            return Polygons([np.array(ring, np.float64) for ring in segmentation])
        except OverflowError:
            return 'has a polygon with numbers beyond all images'
    size = segmentation.get('size') if isinstance(segmentation, dict) else None
    counts = segmentation.get('counts') if isinstance(segmentation, dict) else None
    if not isinstance(size, list) or len(size) != 2 or not isinstance(counts, (list, str)):
        return 'has a segmentation that is neither polygons nor RLE of "size" and "counts"'
    return Rle((size[0], size[1]), counts)


def open_source(reading: Reading) -> Source:
    """Read the JSON and list the maps.

    Raises:
        OSError: If a file or folder cannot be read.
        ValueError: If it is no JSON of COCO instances.
    """
    return open_content(read_records(reading.paths[0]), reading)


def open_content(content: dict[str, list[dict]], reading: Reading) -> Source:
    """Do the same with the JSON's content, see :func:`.read_records`."""
    path, *folders = reading.paths
    first = content['annotations'][0] if content['annotations'] else {}
    if 'segments_info' in first:
        raise ValueError(f'{path} is a panoptic JSON: import it as coconut, with its PNGs')
    images, faults = usable_images(content['images'], path)
    hints, more = hints_of(content['categories'], path)
    annotations_of: dict[Any, list[Annotation]] = {image_id: [] for image_id in images}
    unknown = group_annotations(content, hints, path, annotations_of)
    faults += [*more, *find_strangers(content['annotations'], content['images'], path), *unknown]
    maps: dict[str, str] = {}
    for folder in folders:
        maps, doubled = by_stem(folder, list_maps(folder), 'label maps')
        faults += doubled
    found: list[SourceImage] = []
    for image_id, image in images.items():
        name = image['file_name']
        label_map = maps.get(str(Path(name).with_suffix('')))
        if folders and label_map is None:
            message = f'image {name} of {path} has no label map in {folders[0]}'
            faults.append(Fault(FaultKind.PAIRING, message))
        found.append(
            AnnotatedImage(
                name,
                f'image {name} of {path}',
                reading.images / name,
                (image['height'], image['width']),
                str(path),
                annotations_of[image_id],
                None if label_map is None else folders[0] / label_map,
            )
        )
    return Source(found, list(hints.values()), faults, others_are_things=True)


def group_annotations(
    content: dict[str, list[dict]],
    hints: Mapping[Any, ClassHint],
    path: Path,
    grouped: Mapping[Any, list[Annotation]],
) -> list[Fault]:
    """Add the annotations to those of their image's id, and return what is wrong with others.

    Nothing of the JSON is kept but what images and categories have: one small object within those
    that are no longer needed would keep the memory around it.
    """
    faults = []
    listed = listed_ids(content['categories'])
    for record in content['annotations']:
        image_id, category = record.get('image_id'), record.get('category_id')
        place = f'annotation {record.get("id")} of image {image_id} in {path}'
        hint = hints.get(usable_id(category))
        mask, crowd = mask_of(record.get('segmentation')), record.get('iscrowd')
        if usable_id(category) not in listed:
            message = f'{place} has the category {category!r}, which is not among its categories'
            faults.append(Fault(FaultKind.UNKNOWN_CATEGORY, message))
        if crowd is not None and not FLAG[0](crowd):
            message = f'{place} has "iscrowd": {crowd!r}, which must be {FLAG[1]}'
            faults.append(Fault(FaultKind.WRONG_TYPE, message))
        if isinstance(mask, str):
            faults.append(Fault(FaultKind.MASK, f'{place} {mask}'))
        elif hint is not None and usable_id(image_id) in grouped:
            each = Annotation(str(hint.label), str(record.get('id')), mask, bool(crowd))
            grouped[image_id].append(each)
    return faults

"""COCONut as it is published: a panoptic JSON with null areas, and PNGs of small ids."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mmdet.datasets import CocoPanopticDataset

from kmax_deeplab.paths import find_name_fault

from ..panoptic.comparison import find_id_faults
from ..panoptic.faults import Fault, FaultKind
from ..panoptic.field_types import ANNOTATION_TYPES, SEGMENT_TYPES, fits
from ..panoptic.records import find_annotation_faults
from ..void import VOID_ID
from .coco_records import (
    find_strangers,
    hints_of,
    listed_ids,
    read_records,
    refuse_faults,
    usable_images,
)
from .label_maps import crops_of, read_label_map
from .source import AsThing, ClassHint, Reading, Region, Source, SourceImage

NEEDED = ('id', 'category_id')


class Segment(NamedTuple):
    """What is kept of a segment of the JSON.

    Attributes:
        label: Name of its class.
        id: Its id in the PNG.
        is_crowd: Whether it is a group.
    """

    label: str
    id: int
    is_crowd: bool


@dataclass(frozen=True)
class PanopticImage(SourceImage):
    """An image of the JSON with its segments and their PNG.

    Attributes:
        segments: Those that are sound.
        unread: Ids of the others.
        png: Their PNG.
    """

    segments: list[Segment]
    unread: frozenset[int]
    png: Path

    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Read the PNG, and make a region of each segment."""
        crops = crops_of(read_label_map(self.png, size).values)
        listed = [*(segment.id for segment in self.segments), *self.unread]
        faults = list(find_id_faults(crops, listed, self.png, self.place))
        regions = [
            Region(
                segment.label,
                crops[segment.id],
                f'{self.png}, segment {segment.id}',
                AsThing.CROWD if segment.is_crowd else AsThing.OBJECT,
            )
            for segment in self.segments
            if segment.id in crops
        ]
        refuse_faults(faults, regions)
        return regions


def coco_hints() -> dict[int, ClassHint]:
    """Return COCO's 133 classes by their place, from 0."""
    meta = CocoPanopticDataset.METAINFO
    colors = zip(meta['classes'], meta['palette'], strict=True)
    return {
        index: ClassHint(name, name in meta['thing_classes'], index, tuple(color))
        for index, (name, color) in enumerate(colors)
    }


def open_source(reading: Reading) -> Source:
    """Read the JSON, whose ``area`` and ``bbox`` may be null or missing.

    Where the segments have the category 0, which the JSON does not list, categories are COCO's 133
    classes, counted from 0.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If it is no panoptic JSON.
    """
    path, folder = reading.paths
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder} is no folder of panoptic PNGs')
    content = read_records(path, ('images', 'annotations'))
    if content['annotations'] and 'segments_info' not in content['annotations'][0]:
        raise ValueError(f'{path} has no "segments_info": import it as instances, if it is that')
    images, faults = usable_images(content['images'], path)
    hints, more = hints_of(content['categories'], path)
    listed = listed_ids(content['categories'])
    annotations = content['annotations']
    faults += [*more, *find_annotation_faults(annotations, path)]
    faults += find_strangers(annotations, content['images'], path)
    annotations = [each for each in annotations if fits(each, ANNOTATION_TYPES, ANNOTATION_TYPES)]
    counts_from_0 = 0 not in hints and _has_category_0(annotations)
    if counts_from_0:
        hints = dict(coco_hints())
        listed = set(hints)
    if not listed:
        raise ValueError(
            f'{path} lists no categories, and as no segment has the category 0, they need not be '
            'COCO\'s 133, counted from 0: add "categories" to it'
        )
    found: list[SourceImage] = []
    for annotation in annotations:
        image = images.get(annotation['image_id'])
        name = annotation['file_name']
        if find_name_fault(name) is not None:
            message = f'{path} names the file {name!r}, which {find_name_fault(name)}'
            faults.append(Fault(FaultKind.WRONG_TYPE, message))
        if image is None or find_name_fault(name) is not None:
            continue
        segments, unread = _segments_of(annotation, hints, listed, path, faults)
        size = (image['height'], image['width'])
        png = folder / Path(name).with_suffix('.png')
        place = f'image {image["file_name"]} of {path}'
        file = reading.images / image['file_name']
        found.append(PanopticImage(image['file_name'], place, file, size, segments, unread, png))
    notes = [f"the categories of {path} are COCO's 133, counted from 0"] if counts_from_0 else []
    unlabelled = len(images) - len(found)
    return Source(found, list(hints.values()), faults, notes, unlabelled=unlabelled)


def _has_category_0(annotations: list[dict]) -> bool:
    return any(
        isinstance(segment, dict) and segment.get('category_id') == 0
        for annotation in annotations
        for segment in annotation['segments_info']
    )


def _segments_of(
    annotation: dict,
    hints: Mapping[Any, ClassHint],
    listed: Container[Any],
    path: Path,
    faults: list[Fault],
) -> tuple[list[Segment], frozenset[int]]:
    """Return the sound segments of an image and the ids of others, whose faults are added.

    Categories that are ``listed`` without a hint are faulty themselves.
    """
    segments = []
    seen = {VOID_ID}
    for segment in annotation['segments_info']:
        fault = _fault_of(segment, hints, listed, seen)
        if fault is not None:
            kind, text = fault
            faults.append(Fault(kind, f'segment of {annotation["file_name"]} in {path} {text}'))
        elif segment['category_id'] in hints:
            label = str(hints[segment['category_id']].label)
            segments.append(Segment(label, segment['id'], bool(segment.get('iscrowd'))))
        if fits(segment, SEGMENT_TYPES, NEEDED):
            seen.add(segment['id'])
    return segments, frozenset(seen - {VOID_ID, *(segment.id for segment in segments)})


def _fault_of(
    segment: Any, hints: Mapping[Any, ClassHint], listed: Container[Any], seen: set[int]
) -> tuple[FaultKind, str] | None:
    """Say what is wrong with a segment, as the end of a sentence about it."""
    if not fits(segment, SEGMENT_TYPES, NEEDED):
        return FaultKind.MISSING_FIELD, f'has a missing or wrong field: {segment}'
    number, category = segment['id'], segment['category_id']
    if number in seen:
        return FaultKind.DUPLICATE_ID, f'has the id {number}, which is void or that of another'
    if category not in listed:
        return FaultKind.UNKNOWN_CATEGORY, f'has the category {category!r}, which is not known'
    hint, told = hints.get(category), segment.get('isthing')
    if hint is None or None in (hint.is_thing, told) or hint.is_thing == told:
        return None
    kind = 'one of things' if hint.is_thing else 'stuff'
    return FaultKind.CATEGORIES, (
        f'has the id {number} and "isthing": {told!r}, but its class {hint.label} is {kind}'
    )

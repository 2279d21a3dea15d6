"""COCONut as it is published: a panoptic JSON with null areas, and PNGs of small ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdet.datasets import CocoPanopticDataset

from kmax_deeplab.paths import find_name_fault

from ..panoptic.comparison import find_id_faults
from ..panoptic.faults import Fault, FaultKind
from ..panoptic.field_types import ANNOTATION_TYPES, SEGMENT_TYPES, fits
from ..panoptic.records import find_annotation_faults
from ..void import VOID_ID
from .coco_records import find_strangers, hints_of, read_records, refuse_faults, usable_images
from .label_maps import crops_of, read_label_map
from .source import AsThing, ClassHint, Reading, Region, Source, SourceImage

NEEDED = ('id', 'category_id')
Segments = list[tuple[str, dict[str, Any]]]
"""The class of each, and what the JSON has of it."""


@dataclass(frozen=True)
class PanopticImage(SourceImage):
    """An image of the JSON with its segments and their PNG."""

    segments: Segments
    png: Path

    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Read the PNG, and make a region of each segment."""
        crops = crops_of(read_label_map(self.png, size).values)
        listed = [segment['id'] for _, segment in self.segments]
        refuse_faults(list(find_id_faults(crops, listed, self.png, self.place)))
        return [
            Region(
                label,
                crops[segment['id']],
                f'{self.png}, segment {segment["id"]}',
                AsThing.CROWD if segment.get('iscrowd') else AsThing.OBJECT,
            )
            for label, segment in self.segments
        ]


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
    annotations = content['annotations']
    faults += [*more, *find_annotation_faults(annotations, path)]
    faults += find_strangers(annotations, images, path)
    annotations = [each for each in annotations if fits(each, ANNOTATION_TYPES, ANNOTATION_TYPES)]
    counts_from_0 = 0 not in hints and _has_category_0(annotations)
    if counts_from_0:
        hints = dict(coco_hints())
    found: list[SourceImage] = []
    for annotation in annotations:
        image = images.get(annotation['image_id'])
        name = annotation['file_name']
        if find_name_fault(name) is not None:
            message = f'{path} names the file {name!r}, which {find_name_fault(name)}'
            faults.append(Fault(FaultKind.WRONG_TYPE, message))
        if image is None or find_name_fault(name) is not None:
            continue
        segments = _segments_of(annotation, hints, path, faults)
        size = (image['height'], image['width'])
        png = folder / Path(name).with_suffix('.png')
        place = f'image {image["file_name"]} of {path}'
        file = reading.images / image['file_name']
        found.append(PanopticImage(image['file_name'], place, file, size, segments, png))
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
    annotation: dict, hints: Mapping[Any, ClassHint], path: Path, faults: list[Fault]
) -> Segments:
    """Return the segments of an image; what is wrong with others is added to the faults."""
    segments = []
    seen = {VOID_ID}
    for segment in annotation['segments_info']:
        place = f'segment of {annotation["file_name"]} in {path}'
        if not fits(segment, SEGMENT_TYPES, NEEDED):
            message = f'{place} has a missing or wrong field: {segment}'
            faults.append(Fault(FaultKind.MISSING_FIELD, message))
        elif segment['category_id'] not in hints:
            message = f'{place} has the category {segment["category_id"]}, which is not known'
            faults.append(Fault(FaultKind.UNKNOWN_CATEGORY, message))
        elif segment['id'] in seen:
            message = f'{place} has the id {segment["id"]}, which is void or that of another'
            faults.append(Fault(FaultKind.DUPLICATE_ID, message))
        else:
            seen.add(segment['id'])
            segments.append((str(hints[segment['category_id']].label), segment))
    return segments

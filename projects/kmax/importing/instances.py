"""COCO's instance JSON, with or without semantic PNGs for the stuff."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..panoptic.faults import Fault, FaultKind
from .coco_records import find_strangers, hints_of, read_records, refuse_faults, usable_images
from .label_maps import list_maps
from .semantic import read_semantic
from .source import AsThing, ClassHint, Polygons, Reading, Region, Rle, Source, SourceImage

Annotations = list[tuple[str, dict[str, Any]]]
"""The class of each, and what the JSON has of it."""


@dataclass(frozen=True)
class AnnotatedImage(SourceImage):
    """An image of the JSON with its annotations, and its map of classes if there is one."""

    json_name: str
    annotations: Annotations
    label_map: Path | None

    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Read the map of classes, and make a region of each annotation."""
        regions = (
            [] if self.label_map is None else read_semantic(self.label_map, size, AsThing.VOID)
        )
        faults = []
        for label, annotation in self.annotations:
            place = f'{self.json_name}, annotation {annotation.get("id")} of {self.name}'
            mask = mask_of(annotation.get('segmentation'))
            if isinstance(mask, str):
                faults.append(Fault(FaultKind.MASK, f'{place} {mask}'))
                continue
            as_thing = AsThing.CROWD if annotation.get('iscrowd') else AsThing.OBJECT
            regions.append(Region(label, mask, place, as_thing))
        refuse_faults(faults)
        return regions


def mask_of(segmentation: Any) -> Polygons | Rle | str:
    """Return the mask of COCO's ``segmentation``, or what is wrong with it."""
    if not segmentation:
        return 'has no segmentation: draw one, or delete the annotation'
    if isinstance(segmentation, list):
        return Polygons(segmentation)
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
    path, *folders = reading.paths
    content = read_records(path)
    first = content['annotations'][0] if content['annotations'] else {}
    if 'segments_info' in first:
        raise ValueError(f'{path} is a panoptic JSON: import it as coconut, with its PNGs')
    images, faults = usable_images(content['images'], path)
    hints, more = hints_of(content['categories'], path)
    annotations_of, unknown = group_annotations(content['annotations'], hints, path)
    faults += [*more, *find_strangers(content['annotations'], images, path), *unknown]
    maps = {
        str(Path(name).with_suffix('')): name for folder in folders for name in list_maps(folder)
    }
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
                annotations_of.get(image_id, []),
                None if label_map is None else folders[0] / label_map,
            )
        )
    return Source(found, list(hints.values()), faults, others_are_things=True)


def group_annotations(
    annotations: list[dict], hints: Mapping[Any, ClassHint], path: Path
) -> tuple[dict[Any, Annotations], list[Fault]]:
    """Return the annotations of each image id, and those of unknown categories as faults."""
    grouped: dict[Any, Annotations] = defaultdict(list)
    faults = []
    for annotation in annotations:
        image_id, category = annotation.get('image_id'), annotation.get('category_id')
        hint = hints.get(category) if isinstance(category, (int, str)) else None
        if hint is None:
            faults.append(_unknown(annotation, path))
        elif isinstance(image_id, (int, str)):
            grouped[image_id].append((str(hint.label), annotation))
    return grouped, faults


def _unknown(annotation: dict, path: Path) -> Fault:
    message = (
        f'annotation {annotation.get("id")} of {path} has the category '
        f'{annotation.get("category_id")}, which is not among its categories'
    )
    return Fault(FaultKind.UNKNOWN_CATEGORY, message)

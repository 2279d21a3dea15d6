"""Faults of a panoptic JSON, and what of it can still be read image by image."""

from dataclasses import dataclass, field
from typing import Any

from mmengine.fileio import join_path

from ..datasets.panoptic import KMaXPanopticDataset
from ..datasets.panoptic_json import complete_metainfo, find_image_faults, find_unpaired
from ..faults import Fault, FaultKind
from ..field_types import ANNOTATION_TYPES, IMAGE_TYPES, SEGMENT_TYPES, fits, usable_id
from ..panoptic_format import (
    ANNOTATION_FIELDS,
    COMPARED_FIELDS,
    SEGMENT_FIELDS,
    find_annotation_faults,
    find_segment_faults,
    read_panoptic_json,
)


@dataclass
class Annotations:
    """What a panoptic JSON says.

    Attributes:
        ann_file: The JSON.
        metainfo: Classes as the data set completes them; empty where they contradict each other.
        labels: Label of each category id; without ``metainfo``, the place in the JSON.
        records: One per image that can be looked at: ``img_id``, ``img_path``, ``height``,
            ``width``, ``ann_file`` and, where it is annotated, ``seg_map_path`` and ``segments``.
        faults: What is wrong.
    """

    ann_file: str
    metainfo: dict = field(default_factory=dict)
    labels: dict[Any, int] = field(default_factory=dict)
    records: list[dict] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of their labels."""
        return self.metainfo.get('classes', ())

    @property
    def num_things(self) -> int:
        """Number of thing classes, which come first."""
        return len(self.metainfo.get('thing_classes', ()))


def inspect_annotations(dataset: KMaXPanopticDataset) -> Annotations:
    """Look through the JSON of a data set that has not been loaded yet (``lazy_init``).

    Args:
        dataset: Says which JSON, where its files are and which classes are expected.
    """
    found = Annotations(dataset.ann_file)
    try:
        content = read_panoptic_json(
            dataset.ann_file, ('images', 'annotations', 'categories'), dataset.backend_args
        )
    except (OSError, ValueError) as error:
        found.faults.append(Fault(FaultKind.BROKEN_JSON, str(error)))
        return found
    _read_categories(found, dataset.metainfo, content['categories'])
    found.faults += find_image_faults(content['images'], found.ann_file)
    found.faults += find_annotation_faults(content['annotations'], found.ann_file)
    _pair(found, dataset, content)
    if not content['images']:
        found.faults.append(Fault(FaultKind.NOTHING_LEFT, f'no image of {found.ann_file} is left'))
    return found


def _read_categories(found: Annotations, metainfo: dict, categories: list[dict]) -> None:
    try:
        found.metainfo = complete_metainfo(metainfo, categories, found.ann_file)
    except ValueError as error:
        found.faults.append(Fault(FaultKind.CATEGORIES, str(error)))
        ids = [usable_id(category.get('id')) for category in categories]
        found.labels = {value: label for label, value in enumerate(ids) if value is not None}
        return
    found.labels = {c['id']: found.classes.index(c['name']) for c in categories}


def _pair(found: Annotations, dataset: KMaXPanopticDataset, content: dict[str, Any]) -> None:
    """Bring images and annotations together, as far as both can be read."""
    images = [
        image
        for image in content['images']
        if fits(image, IMAGE_TYPES) and {'id', 'file_name'} <= image.keys()
    ]
    images = list({image['id']: image for image in images}.values())
    annotations: dict[int, dict] = {}
    for annotation in content['annotations']:
        whole = all(name in annotation for name in ANNOTATION_FIELDS)
        if whole and fits(annotation, ANNOTATION_TYPES):
            annotations.setdefault(annotation['image_id'], annotation)
    unread = (FaultKind.MISSING_FIELD, FaultKind.WRONG_TYPE)
    faulty = {fault.image_id for fault in found.faults if fault.kind in unread}
    unpaired = find_unpaired(images, annotations, found.ann_file)
    found.faults += [fault for fault in unpaired if fault.image_id not in faulty]
    read_fields = COMPARED_FIELDS if dataset.test_mode else SEGMENT_FIELDS
    for image in images:
        record = dataset._image_record({'height': None, 'width': None, **image})
        record['ann_file'] = found.ann_file
        if image['id'] in annotations:
            annotation = annotations[image['id']]
            record |= _segments(annotation, dataset.data_prefix['seg'])
            found.faults += find_segment_faults(
                annotation, found.labels, found.ann_file, read_fields
            )
        found.records.append(record)


def _segments(annotation: dict, prefix: str) -> dict:
    segments = [
        segment
        for segment in annotation['segments_info']
        if fits(segment, SEGMENT_TYPES) and 'id' in segment
    ]
    return {
        'seg_map_path': join_path(prefix, annotation['file_name']),
        'segments': list({segment['id']: segment for segment in segments}.values()),
    }

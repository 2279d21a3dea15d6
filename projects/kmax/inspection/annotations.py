"""Faults of a panoptic JSON, and what of it can still be read image by image."""

from dataclasses import dataclass, field
from typing import Any

from ..datasets.panoptic import KMaXPanopticDataset
from ..panoptic.categories import complete_metainfo, label_categories, usable_ids
from ..panoptic.faults import Fault, FaultKind
from ..panoptic.field_types import SEGMENT_TYPES, fits
from ..panoptic.files import read_panoptic_json
from ..panoptic.records import (
    find_record_faults,
    usable_records,
)
from ..panoptic.segments import measures_of


@dataclass
class Annotations:
    """What a panoptic JSON says.

    Attributes:
        ann_file: The JSON.
        metainfo: Classes as the data set completes them; empty where they contradict each other.
        labels: Label of each category id; without ``metainfo``, the place in the JSON.
        records: One per image that can be looked at, as the data set makes it, with ``ann_file``
            and, where it is annotated, its measures and its ``segments``.
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
    """Look through the JSON of a data set that has not been loaded yet (``lazy_init``)."""
    found = Annotations(dataset.ann_file)
    try:
        content = read_panoptic_json(
            dataset.ann_file, ('images', 'annotations', 'categories'), dataset.backend_args
        )
    except (OSError, ValueError) as error:
        found.faults.append(Fault(FaultKind.BROKEN_JSON, str(error)))
        return found
    found.faults += find_record_faults(content, dataset.metainfo, found.ann_file)
    categories = content['categories']
    if any(fault.kind is FaultKind.CATEGORIES for fault in found.faults):
        found.labels = {value: label for label, value in enumerate(usable_ids(categories))}
    else:
        found.metainfo = complete_metainfo(dataset.metainfo, categories)
        found.labels = label_categories(categories, found.classes)
    images, annotations = usable_records(content)
    found.records += (_record(found, dataset, i, annotations.get(i['id'])) for i in images)
    return found


def _record(
    found: Annotations, dataset: KMaXPanopticDataset, image: dict, annotation: dict | None
) -> dict:
    more: dict[str, Any] = {'ann_file': found.ann_file}
    if annotation is not None:
        usable = [s for s in annotation['segments_info'] if fits(s, SEGMENT_TYPES, ('id',))]
        segments = list({segment['id']: segment for segment in usable}.values())
        annotation = {**annotation, 'segments_info': segments}
        more |= {'segments': segments, **measures_of(segments)}
    return dataset.make_record(image, annotation, found.labels, found.num_things) | more

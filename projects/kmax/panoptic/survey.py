"""What the records of a data set say: how often each class occurs, and what is worth knowing.

Training surveys the JSON; an inspection does so too, and adds the pixels of the PNGs.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from .faults import Fault, FaultKind
from .leaks import Image, find_leaks


@dataclass(frozen=True)
class Survey:
    """What was found in one data set.

    Attributes:
        ann_file: Its JSON.
        classes: Names of its ``K`` classes.
        counts: ``(K, 3)`` images with each class, segments of it and, where known, their pixels.
        images: Id and path of each image.
        warnings: What single images give reason for.
        is_whole: Whether all of the JSON could be read.
    """

    ann_file: str
    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    images: list[Image]
    warnings: list[Fault]
    is_whole: bool = True


def survey_records(
    ann_file: str,
    classes: tuple[str, ...],
    records: Iterable[dict],
    num_queries: int | None = None,
    is_whole: bool = True,
) -> Survey:
    """Look through the records of a data set, as it makes them, once.

    An annotated one has ``segment_labels`` and, where its PNG was read, the ``segment_pixels`` of
    each and whether all of it ``is_void``. ``num_queries`` is the most segments that the model can
    learn from in one image, ``is_whole`` whether nothing of the JSON had to be left out.
    """
    images: list[Image] = []
    warnings: list[Fault] = []
    labels: list[list[int]] = []
    pixels: list[list[int]] = []
    for record in records:
        images.append((record['img_id'], record['img_path']))
        if 'segment_labels' not in record:
            continue
        labels.append(record['segment_labels'])
        pixels.append(record.get('segment_pixels', [0] * len(record['segment_labels'])))
        warnings += find_image_warnings(record, num_queries)
    counts = _count(labels, pixels, len(classes))
    return Survey(ann_file, classes, counts, images, warnings, is_whole)


def _count(labels: list[list[int]], pixels: list[list[int]], num_classes: int) -> NDArray[np.int64]:
    """Return the images with each class, its segments and its pixels, ``(K, 3)``."""
    owner = np.repeat(np.arange(len(labels)), [len(each) for each in labels])
    label = np.fromiter(chain.from_iterable(labels), np.int64)
    area = np.fromiter(chain.from_iterable(pixels), np.int64)
    known = label < num_classes  # Categories that contradict each other make no classes.
    owner, label, area = owner[known], label[known], area[known]
    once = np.unique(owner * num_classes + label) % max(num_classes, 1)
    columns = [
        np.bincount(once, minlength=num_classes),
        np.bincount(label, minlength=num_classes),
        np.bincount(label, area, minlength=num_classes),
    ]
    return np.stack(columns, axis=1).astype(np.int64)


def find_image_warnings(record: dict, num_queries: int | None = None) -> Iterator[Fault]:
    """Yield what one annotated image gives reason for."""
    image = f'image {record["img_id"]} in {record["ann_file"]}'
    count = len(record['segment_labels'])
    if record.get('is_void', not record['segment_ids']):
        message = f'{record["seg_map_path"]} of {image} holds nothing but void'
        yield Fault(FaultKind.VOID_ONLY, message, record['img_id'])
    elif record['segment_ids'] and not count:
        message = f'all segments of {image} are crowd: nothing is learned from it'
        yield Fault(FaultKind.CROWD_ONLY, message, record['img_id'])
    elif num_queries is not None and count > num_queries:
        yield warn_of_excess(record, count, num_queries)


def warn_of_excess(record: Mapping, count: int, num_queries: int) -> Fault:
    """Return the warning of an image with more segments than the model has queries."""
    message = (
        f'image {record.get("img_id")} ({record.get("img_path")}) has {count} segments, but the '
        f'model has only num_queries={num_queries}: {count - num_queries} cannot be learned'
    )
    return Fault(FaultKind.MANY_SEGMENTS, message, record.get('img_id'))


def find_common_warnings(
    train: list[Survey], val: list[Survey], digests: Mapping[str, bytes] | None = None
) -> Iterator[Fault]:
    """Yield what is worth knowing of the data sets together.

    ``digests`` of all images, by path, tell copies; without them :func:`find_leaks` digests some.
    """
    yield from _find_never_annotated(train)
    trained, held_out = (
        [(survey.ann_file, survey.images) for survey in part] for part in (train, val)
    )
    yield from find_leaks(trained, held_out, digests)


def _find_never_annotated(train: list[Survey]) -> Iterator[Fault]:
    """Yield classes without a segment in all the training data of the same classes."""
    if not all(survey.is_whole for survey in train):
        return  # What could not be read may hold them.
    alike: dict[tuple[str, ...], list[Survey]] = {}
    for survey in train:
        alike.setdefault(survey.classes, []).append(survey)
    for classes, group in alike.items():
        files = ', '.join(survey.ann_file for survey in group)
        totals = np.sum([survey.counts[:, 1] for survey in group], axis=0)
        for name, total in zip(classes, totals, strict=True):
            if total == 0:
                message = f'no segment in {files} is of class "{name}"'
                yield Fault(FaultKind.NEVER_ANNOTATED, message)

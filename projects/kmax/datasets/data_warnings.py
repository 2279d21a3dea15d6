"""What is legitimate in a data set but worth knowing: an inspection lists it, training logs it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from os.path import basename
from pathlib import Path
from typing import Any

from ..faults import Fault, FaultKind
from .panoptic import KMaXPanopticDataset

NUM_COMPARED = 20


def warn_of_excess(record: dict, count: int, num_queries: int) -> Fault:
    """Return the warning of an image with more segments than the model has queries.

    Args:
        record: ``img_id`` and ``img_path`` of the image, where they are known.
        count: Its segments.
        num_queries: Most segments the model can learn from in one image.
    """
    message = (
        f'image {record.get("img_id")} ({record.get("img_path")}) has {count} segments, but the '
        f'model has only num_queries={num_queries}: {count - num_queries} cannot be learned'
    )
    return Fault(FaultKind.MANY_SEGMENTS, message, record.get('img_id'))


def warn_of_void(record: dict) -> Fault:
    """Return the warning of an image without a segment.

    Args:
        record: ``img_id``, ``seg_map_path`` and ``ann_file`` of the image.
    """
    message = f'{record["seg_map_path"]} of {_name(record)} holds nothing but void'
    return Fault(FaultKind.VOID_ONLY, message, record['img_id'])


def warn_of_crowd(record: dict) -> Fault:
    """Return the warning of an image with nothing but crowd segments.

    Args:
        record: ``img_id`` and ``ann_file`` of the image.
    """
    message = f'all segments of {_name(record)} are crowd: nothing is learned from it'
    return Fault(FaultKind.CROWD_ONLY, message, record['img_id'])


def _name(record: dict) -> str:
    return f'image {record["img_id"]} in {record["ann_file"]}'


def warn_of_leak(record: dict, trained: dict) -> Fault:
    """Return the warning of a validation image that is trained on.

    Args:
        record: ``img_id``, ``img_path`` and ``ann_file`` of the validation image.
        trained: ``img_id`` and ``img_path`` of the training image.
    """
    message = (
        f'image {record["img_id"]} ({record["img_path"]}) of {record["ann_file"]} is '
        f'the same as image {trained["img_id"]} ({trained["img_path"]}) in training'
    )
    return Fault(FaultKind.LEAK, message, record['img_id'])


def warn_of_never_annotated(
    counts: Iterable[tuple[tuple[str, ...], str, list[int]]],
) -> Iterator[Fault]:
    """Yield classes without a segment in all the training data of the same classes.

    Args:
        counts: Classes, annotation file and number of segments of each class of every data set.
    """
    totals: dict[tuple[str, ...], list[int]] = {}
    files: dict[tuple[str, ...], list[str]] = {}
    for classes, ann_file, count in counts:
        known = totals.get(classes, [0] * len(classes))
        totals[classes] = [a + b for a, b in zip(known, count, strict=True)]
        files.setdefault(classes, []).append(ann_file)
    for classes, total in totals.items():
        for name, number in zip(classes, total, strict=True):
            if number == 0:
                message = f'no segment in {", ".join(files[classes])} is of class "{name}"'
                yield Fault(FaultKind.NEVER_ANNOTATED, message)


def find_warnings(train: Any, val: Any = None) -> Iterator[Fault]:
    """Yield what a training can be warned of before it reads an image.

    Data sets of other formats have no say.

    Args:
        train: The training data, wrappers such as ``ConcatDataset`` included.
        val: The validation data, if there are any.
    """
    trained = list(_unwrap(train))
    files = {dataset.ann_file for dataset in trained}
    held_out = _HeldOut(dataset for dataset in _unwrap(val) if dataset.ann_file not in files)
    counts = []
    for dataset in trained:
        labels: Counter[int] = Counter()
        for record in _records(dataset):
            labels.update(record['segment_labels'])
            if not record['segment_ids']:
                yield warn_of_void(record)
            elif not record['segment_labels']:
                yield warn_of_crowd(record)
            yield from held_out.find(record)
        classes = dataset.metainfo['classes']
        counts.append((classes, dataset.ann_file, [labels[k] for k in range(len(classes))]))
    yield from warn_of_never_annotated(counts)


def _unwrap(dataset: Any) -> Iterator[KMaXPanopticDataset]:
    if isinstance(dataset, KMaXPanopticDataset):
        yield dataset
        return
    inner = getattr(dataset, 'dataset', None)
    for wrapped in getattr(dataset, 'datasets', [] if inner is None else [inner]):
        yield from _unwrap(wrapped)


def _records(dataset: KMaXPanopticDataset) -> Iterator[dict]:
    return (dataset.get_data_info(index) for index in range(len(dataset)))


class _HeldOut:
    """Images of validation, found again in training by path, or by id, file name and content."""

    def __init__(self, datasets: Iterable[KMaXPanopticDataset]) -> None:
        self._by_path: dict[str, dict] = {}
        self._by_name: dict[tuple, dict] = {}
        # Ids and names often start anew in each split: contents tell, where sizes do not. Images
        # without compression are all of one size: of these a few suffice.
        self._left = NUM_COMPARED
        for dataset in datasets:
            for whole in _records(dataset):
                record = {name: whole[name] for name in ('img_id', 'img_path', 'ann_file')}
                self._by_path[record['img_path']] = record
                self._by_name[_id_and_name(record)] = record

    def find(self, trained: dict) -> Iterator[Fault]:
        """Yield a warning if a training image is one of them."""
        path = trained['img_path']
        same_name = self._by_name.get(_id_and_name(trained))
        if path in self._by_path:
            yield warn_of_leak(self._by_path[path], trained)
        elif same_name is not None and self._left > 0:
            other = same_name['img_path']
            if _may_be_equal(other, path):
                self._left -= 1
                if _are_equal(other, path):
                    yield warn_of_leak(same_name, trained)


def _id_and_name(record: dict) -> tuple:
    return record['img_id'], basename(record['img_path'])


def _may_be_equal(*paths: str) -> bool:
    try:
        first, second = (Path(path).stat().st_size for path in paths)
    except OSError:
        return False  # Not on this machine's disks, or missing, as whoever loads it will say.
    return first == second


def _are_equal(*paths: str) -> bool:
    try:
        first, second = (Path(path).read_bytes() for path in paths)
    except OSError:
        return False
    return first == second

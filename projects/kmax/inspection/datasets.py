"""Faults and statistics of one data set of a config."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ..datasets.data_warnings import warn_of_leak, warn_of_never_annotated
from ..datasets.panoptic import KMaXPanopticDataset
from ..faults import Fault
from ..parallel import Progress, run_parallel
from .annotations import Annotations, inspect_annotations
from .images import Expectations, ImageReport, inspect_image


@dataclass
class DatasetReport:
    """What was found in one data set.

    Attributes:
        name: What the config uses it for, such as ``train``.
        annotations: What its JSON says.
        images: What was found in each of its images.
        faults: What is wrong with all of it.
    """

    name: str
    annotations: Annotations
    images: list[ImageReport] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def count_classes(self) -> np.ndarray:
        """Count each class: ``(K, 3)`` images with it, segments and pixels of it."""
        counts = np.zeros((len(self.annotations.classes), 3), np.int64)
        for image in self.images:
            labels, pixels = image.segments.T
            known = labels < len(counts)
            counts[np.unique(labels[known]), 0] += 1
            np.add.at(counts[:, 1], labels[known], 1)
            np.add.at(counts[:, 2], labels[known], pixels[known])
        return counts


def inspect_dataset(
    name: str,
    dataset: KMaXPanopticDataset,
    num_queries: int | None,
    workers: int,
    progress: Progress,
) -> DatasetReport:
    """Look through the JSON, the images and the PNGs of a data set.

    Args:
        name: What the config uses it for.
        dataset: Made with ``lazy_init``.
        num_queries: Most segments the model can learn from in one image, if there is such a limit.
        workers: Number of processes.
        progress: Shows the progress of an iterable with a title and a length.
    """
    found = inspect_annotations(dataset)
    expected = Expectations(
        found.labels,
        found.num_things,
        num_queries,
        dataset.check_measures,
        dataset.backend_args,
    )
    results = run_parallel(partial(inspect_image, expected), found.records, workers)
    images = list(progress(results, f'reading {name}', len(found.records)))
    report = DatasetReport(name, found, images, list(found.faults))
    for image in images:
        report.faults += image.faults
    return report


def find_never_annotated(train: list[DatasetReport]) -> Iterable[Fault]:
    """Return classes without a segment in all the training data of the same classes."""
    return warn_of_never_annotated(
        (
            report.annotations.classes,
            report.annotations.ann_file,
            report.count_classes()[:, 1].tolist(),
        )
        for report in train
    )


def find_leaks(train: list[DatasetReport], val: list[DatasetReport]) -> Iterable[Fault]:
    """Yield validation images whose file is also among those of training.

    A data set that is deliberately given as both is no leak.
    """
    files = {report.annotations.ann_file for report in train}
    seen = {image.digest: image.record for report in train for image in report.images}
    for report in val:
        if report.annotations.ann_file in files:
            continue
        for image in report.images:
            if image.digest is not None and image.digest in seen:
                yield warn_of_leak(image.record, seen[image.digest])

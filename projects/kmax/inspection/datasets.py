"""Faults, warnings and statistics of one data set of a config."""

from dataclasses import dataclass
from functools import partial

from ..datasets.panoptic import KMaXPanopticDataset
from ..panoptic.faults import Fault
from ..panoptic.survey import Survey, survey_records
from ..parallel import Progress, run_parallel
from .annotations import Annotations, inspect_annotations
from .images import ImageReport, inspect_image


@dataclass
class DatasetReport:
    """What was found in one data set.

    Attributes:
        name: What the config uses it for, such as ``train``.
        annotations: What its JSON says.
        images: What was found in each of its images.
        survey: What its records say.
        faults: What is wrong with all of it.
    """

    name: str
    annotations: Annotations
    images: list[ImageReport]
    survey: Survey
    faults: list[Fault]


def inspect_dataset(
    name: str,
    dataset: KMaXPanopticDataset,
    num_queries: int | None,
    workers: int,
    progress: Progress,
) -> DatasetReport:
    """Look through JSON, images and PNGs of a data set made with ``lazy_init``.

    ``name`` is what the config uses it for, ``num_queries`` the most segments the model can learn
    from in one image, if there is such a limit.
    """
    found = inspect_annotations(dataset)
    inspect = partial(
        inspect_image, check_measures=dataset.check_measures, backend_args=dataset.backend_args
    )
    results = run_parallel(inspect, found.records, workers)
    images = list(progress(results, f'reading {name}', len(found.records)))
    survey = survey_records(
        found.ann_file,
        found.classes,
        (image.record for image in images),
        num_queries,
        is_whole=not any(fault.kind.loses_records for fault in found.faults),
    )
    misread = {fault.image_id for fault in found.faults}
    misread |= {image.record['img_id'] for image in images if image.void is None}
    faults = found.faults + [fault for image in images for fault in image.faults]
    faults += (warning for warning in survey.warnings if warning.image_id not in misread)
    return DatasetReport(name, found, images, survey, faults)

"""Panoptic quality of Cityscapes by cityscapesScripts."""

import contextlib
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.registry import METRICS
from numpy.typing import NDArray

from . import cityscapes_scripts
from .panoptic_metric import KMaXPanopticMetric, PanopticOutcome, report_quality

IMAGE_ID = re.compile(r'.+_\d{6}_\d{6}')
"""City, sequence and frame, by which the test server finds the annotation."""


@METRICS.register_module()
class KMaXCityscapesPanopticMetric(KMaXPanopticMetric):
    """PQ, SQ and RQ computed by cityscapesScripts, from predictions that it reads from disk.

    :class:`KMaXPanopticMetric` gives the same figures, sooner and of parts of the data set too.

    Args:
        ann_file: ``cityscapes_panoptic_val.json`` of cityscapesScripts' ``csCreatePanopticImgs``.
            All its images must be predicted. With ``format_only`` it may be the JSON of the test
            set that ``tools/dataset_converters/cityscapes.py`` makes.
        outfile_prefix: Where the predictions go, as for :class:`KMaXPanopticMetric`; what is
            written with ``format_only`` is what the test server takes.
        options: The further arguments of :class:`KMaXPanopticMetric`; ``prefix`` is
            ``'cityscapes_panoptic'`` by default.

    Raises:
        ModuleNotFoundError: When cityscapesScripts is not installed.
        FileNotFoundError: When ``ann_file``, ``seg_prefix`` or all PNGs in it are missing.
        ValueError: When the categories are not those of the test server and ``format_only`` is set.
    """

    default_prefix = 'cityscapes_panoptic'

    def __init__(self, ann_file: str, outfile_prefix: str, **options: Any) -> None:
        super().__init__(ann_file, outfile_prefix=outfile_prefix, **options)
        name = type(self).__name__
        self._scripts = cityscapes_scripts.load('evaluation.evalPanopticSemanticLabeling', name)
        if self.format_only:
            self._check_ids(cityscapes_scripts.load('helpers.labels', name).name2label)

    def examine(self, sample: dict) -> Callable[[], PanopticOutcome]:
        """Take the prediction of one image; a ValueError names what the test server won't know."""
        image = sample['img_id']
        if self.format_only and not IMAGE_ID.fullmatch(str(image)):
            raise ValueError(
                'the test server of Cityscapes wants image ids such as berlin_000000_000019, but '
                f'{sample.get("img_path", "an image")} has the id {image}: create the ann_file of '
                'the data set by tools/dataset_converters/cityscapes.py'
            )
        return super().examine(sample)

    def figures(self, outcomes: dict[Any, PanopticOutcome]) -> dict[str, float]:
        """Have what is written evaluated; a ValueError says when a part is missing."""
        missing = [image for image in self.ground_truth.annotations if image not in outcomes]
        if missing:
            raise ValueError(
                f'cityscapesScripts evaluates whole data sets, but of {self.ground_truth.ann_file} '
                f'{len(missing)} images were not predicted, such as {missing[0]}; use '
                'KMaXPanopticMetric for parts'
            )
        written, json_file = self.destinations
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            results = self._scripts.evaluatePanoptic(
                self.ground_truth.ann_file,
                self.ground_truth.seg_prefix,
                json_file,
                written,
                Path(folder) / 'results.json',
            )
        return report_quality(results, self)

    def compare(self, img_id: Any, pred: NDArray[np.int32]) -> None:
        """Leave the comparison to cityscapesScripts."""

    def _check_ids(self, labels: dict[str, Any]) -> None:
        for category in self.ground_truth.categories.values():
            label = labels.get(category['name'])
            if label is None or label.id != category['id']:
                expected = 'no such class' if label is None else f'the id {label.id}'
                raise ValueError(
                    f'{self.ground_truth.ann_file} has category {category["id"]} '
                    f'"{category["name"]}", but the test server of Cityscapes knows {expected}: '
                    'create the file by csCreatePanopticImgs without --use-train-id'
                )

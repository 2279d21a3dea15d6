"""Metrics that compare with panoptic annotations."""

from functools import cached_property

from .file_metric import FileMetric
from .ground_truth import PanopticGroundTruth, shared_ground_truth
from .image_metric import ImageMetric


class _Annotated(ImageMetric):
    """Knows the ground truth, and the category of each of the data set's classes."""

    ground_truth: PanopticGroundTruth

    @cached_property
    def category_of_label(self) -> list[int]:
        return self.ground_truth.categories_of(self.dataset_meta['classes'])


class AnnotatedMetric(_Annotated):
    """Compares predictions with panoptic annotations.

    Args:
        ann_file: Panoptic JSON. Its categories are found by the data set's class names.
        seg_prefix: Folder of the annotated PNGs.
        classwise: Also print a table of all classes.
        collect_device: Device on which processes exchange results.
        prefix: First part of the names of the results, the metric's own by default.

    Raises:
        FileNotFoundError: When ``ann_file``, ``seg_prefix`` or all PNGs in it are missing.
        ValueError: When ``ann_file`` is no panoptic JSON.
    """

    def __init__(
        self,
        ann_file: str,
        seg_prefix: str,
        classwise: bool = False,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(classwise, collect_device, prefix)
        self.ground_truth = shared_ground_truth(type(self).__name__, ann_file, seg_prefix)


class AnnotatedFileMetric(_Annotated, FileMetric):
    """Compares predictions with panoptic annotations, or writes them, or both.

    Args:
        ann_file: Panoptic JSON. Its categories are found by the data set's class names.
        seg_prefix: Folder of the annotated PNGs; not needed with ``format_only``.
        classwise: Also print a table of all classes.
        format_only: Only write the predictions.
        outfile_prefix: First part of the paths to write to; they appear when all images are
            predicted.
        collect_device: Device on which processes exchange results.
        prefix: First part of the names of the results, the metric's own by default.

    Raises:
        FileNotFoundError: When ``ann_file``, ``seg_prefix`` or all PNGs in it are missing.
        ValueError: When there is nowhere to write to with ``format_only``, or nothing to compare
            with without it, or ``ann_file`` is no panoptic JSON.
    """

    def __init__(
        self,
        ann_file: str,
        seg_prefix: str | None = None,
        classwise: bool = False,
        format_only: bool = False,
        outfile_prefix: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(classwise, format_only, outfile_prefix, collect_device, prefix)
        if not format_only and seg_prefix is None:
            raise ValueError('seg_prefix, the folder of the annotated PNGs, must be given')
        folder = None if format_only else seg_prefix
        self.ground_truth = shared_ground_truth(type(self).__name__, ann_file, folder)

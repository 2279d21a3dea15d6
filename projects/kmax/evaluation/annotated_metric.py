"""Metrics that compare with panoptic annotations."""

from functools import cached_property
from typing import Any

from .export import refuse_overwriting
from .ground_truth import shared_ground_truth
from .image_metric import ImageMetric


class AnnotatedMetric(ImageMetric):
    """Compares predictions with panoptic annotations.

    Args:
        ann_file: Panoptic JSON. Its categories are found by the data set's class names.
        seg_prefix: Folder of the annotated PNGs; not needed with ``format_only``.
        options: The arguments of :class:`ImageMetric`, or of :class:`FileMetric` in metrics that
            are both.

    Raises:
        FileNotFoundError: When ``ann_file``, ``seg_prefix`` or all PNGs in it are missing.
        ValueError: When ``ann_file`` is no panoptic JSON, there is nothing to compare with, or
            predictions would be written over the annotations.
    """

    def __init__(self, ann_file: str, seg_prefix: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not self.format_only and seg_prefix is None:
            raise ValueError('seg_prefix, the folder of the annotated PNGs, must be given')
        refuse_overwriting(self.destinations, ann_file, seg_prefix)
        folder = None if self.format_only else seg_prefix
        self.ground_truth = shared_ground_truth(type(self).__name__, ann_file, folder)

    @cached_property
    def category_of_label(self) -> list[int]:
        """Category of each of the data set's classes."""
        return self.ground_truth.categories_of(self.dataset_meta['classes'])

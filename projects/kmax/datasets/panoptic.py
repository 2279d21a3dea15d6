"""Data sets in COCO panoptic format."""

from collections.abc import Callable
from typing import Any

from mmdet.datasets import BaseDetDataset
from mmdet.registry import DATASETS
from mmengine.fileio import join_path

from ..panoptic.categories import complete_metainfo, label_categories
from ..panoptic.faults import refuse
from ..panoptic.files import read_panoptic_json
from ..panoptic.records import find_record_faults, sound_records
from ..panoptic.segments import measures_of, parse_segments
from ..panoptic.survey import Survey, survey_records
from .reading_errors import naming_image


@DATASETS.register_module()
class KMaXPanopticDataset(BaseDetDataset):
    """A data set in COCO panoptic format.

    Paths are all that a custom data set needs: its classes, things first, and their colours are
    read from the categories of the JSON. Given ``metainfo`` wins, its classes are matched by name.

    Args:
        ann_file: The panoptic JSON.
        data_prefix: Folders ``img`` of the images and ``seg`` of the panoptic PNGs.
        filter_cfg: For training, ``filter_empty_gt`` drops images without a segment that is not
            crowd, ``min_size`` those with a shorter side.
        check_measures: Whether ``LoadPanopticIds`` refuses a PNG in which a segment has another
            ``area`` or ``bbox`` than in the JSON, where the JSON gives them. An inspection lists
            both either way.
        **kwargs: Arguments of mmdet's ``BaseDetDataset``.
    """

    def __init__(
        self,
        ann_file: str,
        data_prefix: dict[str, str],
        filter_cfg: dict | None = None,
        *,
        check_measures: bool = True,
        **kwargs: Any,
    ) -> None:
        self.check_measures = check_measures
        super().__init__(
            ann_file=ann_file, data_prefix=data_prefix, filter_cfg=filter_cfg, **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """Return one record per image of the annotation file."""
        fields = ['images', 'categories', *([] if self.test_mode else ['annotations'])]
        content = read_panoptic_json(self.ann_file, fields, self.backend_args)
        refuse(find_record_faults(content, self.metainfo, self.ann_file))
        self._metainfo: dict = complete_metainfo(self.metainfo, content['categories'])
        labels = label_categories(content['categories'], self._metainfo['classes'])
        num_things = len(self._metainfo['thing_classes'])
        images, annotations = sound_records(content)
        return [
            self.make_record(image, annotations.get(image['id']), labels, num_things)
            for image in images
        ]

    def make_record(
        self, image: dict, annotation: dict | None, labels: dict[Any, int], num_things: int
    ) -> dict:
        """Return the record of an image of the JSON and, if there is one, its annotation.

        ``labels`` has the label of each category id, the things' below ``num_things``. The record
        of an annotated image has ``seg_map_path`` and what :func:`parse_segments` returns, and
        ``segment_areas`` and ``segment_boxes`` if they are to be compared.
        """
        record = self._image_record(image)
        if annotation is not None:
            segments = annotation['segments_info']
            record['seg_map_path'] = join_path(self.data_prefix['seg'], annotation['file_name'])
            record |= parse_segments(segments, labels, num_things)
            record |= measures_of(segments) if self.check_measures else {}
        return record

    def _image_record(self, image: dict) -> dict:
        return {
            'img_id': image['id'],
            'img_path': join_path(self.data_prefix['img'], image['file_name']),
            'height': image.get('height'),
            'width': image.get('width'),
        }

    def filter_data(self) -> list[dict]:
        """Return the records that remain of training images as ``filter_cfg`` asks for.

        Raises:
            ValueError: If no image remains.
        """
        records = self.data_list
        if self.filter_cfg is not None and not self.test_mode:
            min_size = self.filter_cfg.get('min_size', 0)
            may_be_empty = not self.filter_cfg.get('filter_empty_gt', False)
            records = [
                record
                for record in records
                if min(record['height'], record['width']) >= min_size
                and (may_be_empty or record['segment_labels'])
            ]
        if not records:
            raise ValueError(f'no image of {self.ann_file} is left')
        return records

    def get_data_info(self, idx: int) -> dict:
        """Return the record of one image, with the name of the annotation file."""
        return {**super().get_data_info(idx), 'ann_file': self.ann_file}

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the label of each segment in one image, for class-balanced sampling."""
        return self.get_data_info(idx)['segment_labels']

    def prepare_data(self, idx: int) -> Any:
        """Return what the data set's own pipeline makes of one image."""
        return self.run_pipeline(self.pipeline, idx)

    def run_pipeline(self, pipeline: Callable[[dict], Any], idx: int) -> Any:
        """Run a pipeline on one image; it may load others through the record's ``dataset``.

        Args:
            pipeline: The composed transforms.
            idx: Position in the data set.

        Returns:
            The result of the pipeline.

        Raises:
            ValueError: If a transform lacks what another one makes.
            OSError: If the image is missing (then a FileNotFoundError) or cannot be read.
        """
        record = self.get_data_info(idx)
        with naming_image(record, self.ann_file):
            try:
                return pipeline({**record, 'dataset': self})
            except KeyError as error:
                name = str(error.args[0]) if error.args else ''
                # Not a message, which has spaces.
                if not name.isidentifier():
                    raise
                raise ValueError(
                    f'the pipeline of {self.ann_file} has a transform that asks for {name}, which '
                    'none before it has made: check their order, and that none is missing'
                ) from error


def survey_datasets(dataset: Any) -> list[Survey]:
    """Survey a loaded data set, or those in wrappers; data sets of other formats have no say."""
    if isinstance(dataset, KMaXPanopticDataset):
        records = (dataset.get_data_info(index) for index in range(len(dataset)))
        return [survey_records(dataset.ann_file, dataset.metainfo['classes'], records)]
    inner = getattr(dataset, 'dataset', None)
    wrapped = getattr(dataset, 'datasets', [] if inner is None else [inner])
    return [survey for each in wrapped for survey in survey_datasets(each)]

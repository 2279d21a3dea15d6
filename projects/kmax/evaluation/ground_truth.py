"""Annotations that predictions are compared with: a panoptic JSON and its PNGs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from ..panoptic.categories import find_category_faults
from ..panoptic.comparison import orientation_hint
from ..panoptic.faults import refuse
from ..panoptic.field_types import IMAGE_TYPES, fits
from ..panoptic.files import read_panoptic_json, read_panoptic_png
from ..panoptic.records import find_segment_faults, index_annotations
from .doubts import Doubts
from .recent_maps import RECENT_MAPS


class PanopticGroundTruth:
    """Ground truth in COCO panoptic format: categories, and annotations by image id.

    Metrics take it from :func:`shared_ground_truth` and give their name as ``owner``. Where nothing
    is compared ``seg_prefix``, the folder of the annotated PNGs, is None, and the JSON needs no
    annotations.
    """

    def __init__(self, owner: str, ann_file: str, seg_prefix: str | None) -> None:
        self.ann_file = ann_file
        self.seg_prefix = seg_prefix
        self.doubts = Doubts(ann_file)
        fields = ('categories',) if seg_prefix is None else ('categories', 'annotations')
        content = read_panoptic_json(ann_file, fields)
        refuse(find_category_faults(content['categories'], {}, ann_file))
        self.categories = {category['id']: category for category in content['categories']}
        self.annotations = index_annotations(content.get('annotations', ()), ann_file)
        self.image_names = {
            image['id']: image['file_name']
            for image in content.get('images', ())
            if fits(image, IMAGE_TYPES, ('id', 'file_name'))
        }
        if seg_prefix is not None:
            self._check_annotations()
            self._check_folder(owner, Path(seg_prefix))

    def categories_of(self, classes: Sequence[str]) -> list[int]:
        """Return the category id of each class, found by its name."""
        by_name = {category['name']: category['id'] for category in self.categories.values()}
        unknown = [name for name in classes if name not in by_name]
        if unknown:
            raise ValueError(f'classes {unknown} are not among the categories of {self.ann_file}')
        return [by_name[name] for name in classes]

    def read(
        self, img_id: Any, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.uint32], list[dict], str]:
        """Read the annotation of one image, whose prediction has the shape ``(H, W)``.

        Returned are the segment ids ``(H, W)``, not to be changed, COCO's ``segments_info``, and
        the name of the image for messages. A missing, unreadable or differing PNG is an error.
        """
        if img_id not in self.annotations:
            raise ValueError(f'image {img_id} has no annotation in {self.ann_file}')
        annotation = self.annotations[img_id]
        path = self.png_of(img_id)
        read = partial(read_panoptic_png, path, f'image {img_id}')
        ids = RECENT_MAPS.get((path, _version(path)), read)
        if ids.shape != tuple(shape):
            raise ValueError(
                f'image {img_id}: the prediction has size {tuple(shape)}, but annotation {path} '
                f'has {ids.shape}{orientation_hint(ids.shape, tuple(shape))}'
            )
        return ids, annotation['segments_info'], f'image {img_id} ({path})'

    def png_of(self, img_id: Any) -> Path:
        """Return the annotated PNG of an image that has one."""
        return Path(self.seg_prefix or '') / self.annotations[img_id]['file_name']

    def _check_annotations(self) -> None:
        """Find faults when the run starts, not at the first validation hours later."""
        for annotation in self.annotations.values():
            refuse(find_segment_faults(annotation, self.categories, self.ann_file))

    def _check_folder(self, owner: str, folder: Path) -> None:
        """Find wrong paths when the run starts, likewise."""
        if not folder.is_dir():
            raise FileNotFoundError(f'seg_prefix of {owner}: {folder} is not a folder')
        names = [annotation['file_name'] for annotation in self.annotations.values()]
        if names and not any((folder / name).is_file() for name in names):
            raise FileNotFoundError(
                f'seg_prefix of {owner}: the folder {folder} holds no PNG of {self.ann_file}, such '
                f'as {names[0]}'
            )


_SHARED: WeakValueDictionary[tuple, PanopticGroundTruth] = WeakValueDictionary()


def shared_ground_truth(owner: str, ann_file: str, seg_prefix: str | None) -> PanopticGroundTruth:
    """Return the ground truth of these files, read once for all metrics that compare with it."""
    key = (ann_file, seg_prefix, _version(ann_file))
    truth = _SHARED.get(key)
    if truth is None:
        truth = _SHARED[key] = PanopticGroundTruth(owner, ann_file, seg_prefix)
    return truth


def _version(path: str | Path) -> tuple[int, int] | None:
    """Return what tells a file from one that was written over it; None for URLs."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size

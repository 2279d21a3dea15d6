"""Panoptic copy-paste: segments of a second, random image cover parts of the first."""

import random
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from ...void import VOID_ID
from .arrays import contiguous, count_ids, cover, replace_ids
from .pad_crop import MID_GREY

ROWS_AT_ONCE = 64


@TRANSFORMS.register_module()
class KMaXPanopticCopyPaste(BaseTransform):
    """Paste the segments of another image of the data set: all its things and some of its stuff.

    The other image may be any, the same one included, and passes through a pipeline of its own.
    Void and crowd are never pasted. Pasted things become new segments behind those of the first
    image; stuff of a class that the first image has as well joins its segment. Both pipelines must
    end with images of one size (kMaX-DeepLab's large-scale jitter, after MaX-DeepLab).

    Which stuff is pasted is drawn in one of two ways:

    * ``'labels'``, the original's: a uniformly random number, none to all, of the labels seen in
      the other image outside its padding; things and void count as labels, too.
    * ``'segments'``, the port's: the stuff among a uniformly random number of the annotated
      segments other than crowd, whether seen or not.

    Required keys: ``img``, ``gt_seg_map``, ``gt_segment_labels``, ``dataset``, which data sets of
    this project provide. Modified keys: ``img``, ``gt_seg_map``, ``gt_segment_labels``.

    Args:
        source_pipeline: Pipeline of the other image, from loading to its final size.
        draw_from: ``'labels'`` or ``'segments'``.

    Raises:
        ValueError: If ``draw_from`` is neither.
    """

    def __init__(self, source_pipeline: list[dict], draw_from: str = 'labels') -> None:
        if draw_from not in ('labels', 'segments'):
            raise ValueError(f"draw_from must be 'labels' or 'segments', not {draw_from!r}")
        self.source_pipeline = Compose(source_pipeline)
        self.draw_from = draw_from

    @cache_randomness
    def _draw_index(self, num_images: int) -> int:
        return random.randrange(num_images)

    @cache_randomness
    def _draw_subset(self, members: list[int]) -> list[int]:
        """Return a random number, 0 to all, of random members."""
        return random.sample(members, random.randint(0, len(members)))

    def transform(self, results: dict) -> dict:
        """Paste onto one sample.

        A ValueError says that the sizes differ, that the source pipeline dropped the other image,
        or that the record is of another kind of data set.
        """
        if 'dataset' not in results or 'gt_seg_map' not in results:
            raise ValueError(
                'KMaXPanopticCopyPaste needs the record of a KMaXPanopticDataset, which names its '
                'dataset, and LoadPanopticIds before it'
            )
        source = self._load(results['dataset'])
        if source['img'].shape != results['img'].shape:
            raise ValueError(
                f'KMaXPanopticCopyPaste: image {results["img_id"]} has shape '
                f'{results["img"].shape}, but image {source["img_id"]}, to be pasted onto it, has '
                f'{source["img"].shape}: both pipelines must end with the same size'
            )
        drawn = set(self._draw_subset(self._candidates(source)))
        is_thing = source['gt_segment_labels'] < _num_things(results['dataset'])
        pasted = [row for row, thing in enumerate(is_thing, start=1) if thing or row in drawn]
        rows, labels = merge_rows(
            results['gt_segment_labels'], source['gt_segment_labels'], pasted, is_thing
        )
        paste(results, source, rows)
        results['gt_segment_labels'] = labels
        return results

    def _load(self, dataset: Any) -> dict:
        index = self._draw_index(len(dataset))
        source = dataset.run_pipeline(self.source_pipeline, index)
        if source is None:
            raise ValueError(
                f'KMaXPanopticCopyPaste: source_pipeline dropped image {index} of '
                f'{dataset.ann_file}; it must not contain transforms that drop images'
            )
        names = ('img', 'gt_seg_map')
        if not source.keys() >= set(names):
            raise ValueError(
                'KMaXPanopticCopyPaste: source_pipeline must load image and annotation: '
                'LoadImageFromFile, LoadPanopticIds'
            )
        return source | {name: contiguous(source[name]) for name in names}

    def _candidates(self, source: dict) -> list[int]:
        if self.draw_from == 'segments':
            return [row for row in source['segment_rows'] if row]
        ids = source['gt_seg_map']
        counts = count_ids(ids, len(source['gt_segment_labels']) + 1)
        counts[VOID_ID] = _shows_void(source['img'], ids)
        return np.flatnonzero(counts).tolist()

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(source_pipeline={self.source_pipeline}, '
            f'draw_from={self.draw_from!r})'
        )


def _shows_void(image: np.ndarray, ids: np.ndarray) -> bool:
    """Tell whether there is void outside the padding, of which the first rows mostly tell."""
    for start in range(0, len(ids), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        padded = cv2.inRange(image[rows], (MID_GREY,) * 3, (MID_GREY,) * 3) > 0
        if ((ids[rows] == VOID_ID) & ~padded).any():
            return True
    return False


def _num_things(dataset: Any) -> int:
    return len(dataset.metainfo['thing_classes'])


def merge_rows(
    labels: np.ndarray, source_labels: np.ndarray, pasted: list[int], is_thing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Number the segments of two images together.

    Takes the classes of both, ``(n,)`` and ``(m,)``, which of the other's to paste, counted from 1,
    and which are things, ``(m,)``. Returns ``(m + 1,)`` int16 new ids of the other's ids, 0 for
    what is not pasted, and the classes of all segments.
    """
    merged = labels.tolist()
    rows = np.zeros(len(source_labels) + 1, np.int16)
    for row in pasted:
        label = int(source_labels[row - 1])
        if is_thing[row - 1] or label not in merged:
            merged.append(label)
            rows[row] = len(merged)
        else:
            rows[row] = merged.index(label) + 1
    return rows, np.array(merged, np.int64)


def paste(results: dict, source: dict, rows: np.ndarray) -> None:
    """Cover a sample with the pixels of another, of the same size, whose new id is not 0.

    ``rows`` holds the new ids of the other's ids, ``(m + 1,)``. The sample is changed in place.
    """
    new_ids = replace_ids(source['gt_seg_map'], rows)
    covered = (new_ids != VOID_ID).view(np.uint8)
    for name, cover_by in (('img', source['img']), ('gt_seg_map', new_ids)):
        results[name] = contiguous(results[name])
        cover(results[name], cover_by, covered)

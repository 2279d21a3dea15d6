"""ADE20K panoptic."""

from mmdet.datasets import ADE20KInstanceDataset, ADE20KPanopticDataset
from mmdet.datasets.ade20k import ADE_PALETTE
from mmdet.registry import DATASETS

from .published import PublishedPanopticDataset

STUFF_NUMBERS = (
    *(1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 17, 18, 22, 26, 27, 29, 30, 35, 41, 47, 49, 52, 53, 55, 60),
    *(61, 62, 64, 69, 78, 80, 85, 92, 95, 97, 100, 101, 102, 106, 107, 110, 114, 115, 118, 123),
    *(129, 132, 141, 142, 146),
)
"""Of 150 classes, counted from 1, those of stuff."""

THING_NUMBERS = tuple(sorted({*range(1, 151)} - {*STUFF_NUMBERS}))

_THING_COLORS = ADE20KInstanceDataset.METAINFO['palette']


@DATASETS.register_module()
class KMaXADE20KPanopticDataset(PublishedPanopticDataset):
    """ADE20K panoptic: 100 thing and 50 stuff classes, things first.

    ``ann_file`` is written by mmdet's ``ade20k2coco.py`` or Mask2Former's
    ``prepare_ade20k_pan_seg.py``, whose class names are the same.
    """

    METAINFO = {
        **ADE20KPanopticDataset.METAINFO,
        # Both scripts count from 0.
        'category_ids': tuple(number - 1 for number in THING_NUMBERS + STUFF_NUMBERS),
        # mmdet's is in the order of the 150 classes before they are sorted.
        'palette': [*_THING_COLORS, *(c for c in ADE_PALETTE if c not in _THING_COLORS)],
    }

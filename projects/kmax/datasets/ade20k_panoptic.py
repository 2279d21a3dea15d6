"""ADE20K panoptic."""

from mmdet.datasets import ADE20KInstanceDataset, ADE20KPanopticDataset
from mmdet.datasets.ade20k import ADE_PALETTE
from mmdet.registry import DATASETS

from .published import PublishedPanopticDataset

_THING_COLORS = ADE20KInstanceDataset.METAINFO['palette']


@DATASETS.register_module()
class KMaXADE20KPanopticDataset(PublishedPanopticDataset):
    """ADE20K panoptic: 100 thing and 50 stuff classes, things first.

    ``ann_file`` is written by mmdet's ``ade20k2coco.py`` or Mask2Former's
    ``prepare_ade20k_pan_seg.py``, whose class names are the same.
    """

    METAINFO = {
        **ADE20KPanopticDataset.METAINFO,
        # mmdet's is in the order of the 150 classes before they are sorted.
        'palette': [*_THING_COLORS, *(c for c in ADE_PALETTE if c not in _THING_COLORS)],
    }

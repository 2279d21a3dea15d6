"""COCO panoptic."""

from mmdet.datasets import CocoPanopticDataset
from mmdet.registry import DATASETS

from .panoptic import KMaXPanopticDataset


@DATASETS.register_module()
class KMaXCocoPanopticDataset(KMaXPanopticDataset):
    """COCO panoptic: 80 thing and 53 stuff classes."""

    METAINFO = CocoPanopticDataset.METAINFO

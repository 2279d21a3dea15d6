"""COCO panoptic."""

from mmdet.datasets import CocoPanopticDataset
from mmdet.registry import DATASETS

from .published import PublishedPanopticDataset


@DATASETS.register_module()
class KMaXCocoPanopticDataset(PublishedPanopticDataset):
    """COCO panoptic: 80 thing and 53 stuff classes."""

    METAINFO = CocoPanopticDataset.METAINFO

"""COCO panoptic."""

from mmdet.datasets import CocoPanopticDataset
from mmdet.registry import DATASETS

from .published import PublishedPanopticDataset

_THING_IDS = (
    *(*range(1, 12), *range(13, 26), 27, 28, *range(31, 45), *range(46, 66), 67, 70),
    *(*range(72, 83), *range(84, 91)),
)
_STUFF_IDS = (
    *(92, 93, 95, 100, 107, 109, 112, 118, 119, 122, 125, 128, 130, 133, 138, 141, 144, 145, 147),
    *(148, 149, 151, 154, 155, 156, 159, 161, 166, 168, 171, 175, 176, 177, 178, 180, 181),
    *range(184, 201),
)


@DATASETS.register_module()
class KMaXCocoPanopticDataset(PublishedPanopticDataset):
    """COCO panoptic: 80 thing and 53 stuff classes."""

    METAINFO = {**CocoPanopticDataset.METAINFO, 'category_ids': _THING_IDS + _STUFF_IDS}

"""Cityscapes panoptic."""

from mmdet.registry import DATASETS

from .published import PublishedPanopticDataset

_THINGS = ('person', 'rider', 'car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle')
_STUFF = (
    *('road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign'),
    *('vegetation', 'terrain', 'sky'),
)
# cityscapesScripts' label ids, which its panoptic JSON has unless train ids are asked for.
_IDS = (*(24, 25, 26, 27, 28, 31, 32, 33), *(7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23))
_PALETTE = [
    *[(220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100), (0, 80, 100)],
    *[(0, 0, 230), (119, 11, 32)],
    *[(128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153)],
    *[(153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152)],
    *[(70, 130, 180)],
]


@DATASETS.register_module()
class KMaXCityscapesPanopticDataset(PublishedPanopticDataset):
    """Cityscapes panoptic: 8 thing and 11 stuff classes, things first.

    ``ann_file`` is written by cityscapesScripts' ``createPanopticImgs``, with or without its
    ``--use-train-id``. It names images ``{city}_{sequence}_{frame}_gtFine_leftImg8bit.png``, which
    lie in ``{city}/{city}_{sequence}_{frame}_leftImg8bit.png`` below ``data_prefix['img']``.
    A ``file_name`` that has a folder is taken as it is.
    """

    METAINFO = dict(
        classes=_THINGS + _STUFF,
        thing_classes=_THINGS,
        stuff_classes=_STUFF,
        palette=_PALETTE,
        category_ids=_IDS,
    )

    def _image_record(self, image: dict) -> dict:
        name = image['file_name']
        if '/' not in name:
            city = name.partition('_')[0]
            name = f'{city}/{name.replace("_gtFine_leftImg8bit", "_leftImg8bit")}'
        return super()._image_record({**image, 'file_name': name})

"""Data sets in COCO panoptic format and the transforms of their pipelines."""

from .ade20k_panoptic import KMaXADE20KPanopticDataset
from .cityscapes_panoptic import KMaXCityscapesPanopticDataset
from .coco_panoptic import KMaXCocoPanopticDataset
from .panoptic import KMaXPanopticDataset
from .transforms.auto_augment import KMaXAutoAugment
from .transforms.color_jitter import KMaXColorJitter
from .transforms.copy_paste import KMaXPanopticCopyPaste
from .transforms.filter_labels import KMaXFilterLabels
from .transforms.formatting import PackKMaXInputs
from .transforms.loading import LoadPanopticIds
from .transforms.pad_crop import KMaXPad, KMaXRandomPadCrop
from .transforms.resize import KMaXRandomScale, KMaXResize
from .transforms.resize_scale import KMaXResizeScale

__all__ = [
    'KMaXADE20KPanopticDataset',
    'KMaXAutoAugment',
    'KMaXCityscapesPanopticDataset',
    'KMaXCocoPanopticDataset',
    'KMaXColorJitter',
    'KMaXFilterLabels',
    'KMaXPad',
    'KMaXPanopticCopyPaste',
    'KMaXPanopticDataset',
    'KMaXRandomPadCrop',
    'KMaXRandomScale',
    'KMaXResize',
    'KMaXResizeScale',
    'LoadPanopticIds',
    'PackKMaXInputs',
]

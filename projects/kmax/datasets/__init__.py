"""Data sets in COCO panoptic format and the transforms of their pipelines."""

from .ade20k_panoptic import KMaXADE20KPanopticDataset
from .cityscapes_panoptic import KMaXCityscapesPanopticDataset
from .coco_panoptic import KMaXCocoPanopticDataset
from .panoptic import KMaXPanopticDataset
from .transforms import (
    KMaXAutoAugment,
    KMaXColorJitter,
    KMaXFilterLabels,
    KMaXPad,
    KMaXPanopticCopyPaste,
    KMaXRandomPadCrop,
    KMaXRandomScale,
    KMaXResize,
    KMaXResizeScale,
    LoadPanopticIds,
    PackKMaXInputs,
)

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

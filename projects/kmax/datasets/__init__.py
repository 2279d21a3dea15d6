"""Data sets in COCO panoptic format and the transforms of their pipelines."""

from .coco_panoptic import KMaXCocoPanopticDataset
from .panoptic import KMaXPanopticDataset
from .transforms import (
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

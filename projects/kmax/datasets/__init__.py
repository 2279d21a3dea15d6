"""Data sets in COCO panoptic format and the transforms of their pipelines."""

from .coco_panoptic import KMaXCocoPanopticDataset
from .panoptic import KMaXPanopticDataset
from .transforms import (
    KMaXRandomPadCrop,
    KMaXRandomScale,
    KMaXResize,
    LoadPanopticIds,
    PackKMaXInputs,
)

__all__ = [
    'KMaXCocoPanopticDataset',
    'KMaXPanopticDataset',
    'KMaXRandomPadCrop',
    'KMaXRandomScale',
    'KMaXResize',
    'LoadPanopticIds',
    'PackKMaXInputs',
]

"""Transforms that move an image and its panoptic id map together."""

from .formatting import PackKMaXInputs
from .loading import LoadPanopticIds
from .pad_crop import KMaXRandomPadCrop
from .resize import KMaXRandomScale, KMaXResize

__all__ = [
    'KMaXRandomPadCrop',
    'KMaXRandomScale',
    'KMaXResize',
    'LoadPanopticIds',
    'PackKMaXInputs',
]

"""Transforms that move an image and its map, of panoptic ids or of classes, together."""

from .auto_augment import KMaXAutoAugment
from .color_jitter import KMaXColorJitter
from .copy_paste import KMaXPanopticCopyPaste
from .filter_labels import KMaXFilterLabels
from .formatting import PackKMaXInputs
from .loading import LoadPanopticIds
from .pad_crop import KMaXPad, KMaXRandomPadCrop
from .resize import KMaXRandomScale, KMaXResize
from .resize_scale import KMaXResizeScale

__all__ = [
    'KMaXAutoAugment',
    'KMaXColorJitter',
    'KMaXFilterLabels',
    'KMaXPad',
    'KMaXPanopticCopyPaste',
    'KMaXRandomPadCrop',
    'KMaXRandomScale',
    'KMaXResize',
    'KMaXResizeScale',
    'LoadPanopticIds',
    'PackKMaXInputs',
]

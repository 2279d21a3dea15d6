"""Training as the original does it: optimiser, schedule, class rows, and hooks that know kMaX."""

from .hooks import CheckClassesHook, ExpectedTimeHook, MapClassesHook, WarnAboutDataHook
from .optimizer import KMaXAdamW
from .optimizer_constructor import KMaXOptimWrapperConstructor
from .scheduler import WarmupPolyLR

__all__ = [
    'CheckClassesHook',
    'ExpectedTimeHook',
    'KMaXAdamW',
    'KMaXOptimWrapperConstructor',
    'MapClassesHook',
    'WarmupPolyLR',
    'WarnAboutDataHook',
]

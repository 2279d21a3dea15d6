"""Hooks that know kMaX."""

from .check_classes import CheckClassesHook
from .compile import CompileHook
from .draw_results import KMaXSegVisualizationHook, KMaXVisualizationHook
from .fuse import FuseHook
from .map_classes import MapClassesHook
from .warn_about_data import WarnAboutDataHook

__all__ = [
    'CheckClassesHook',
    'CompileHook',
    'FuseHook',
    'KMaXSegVisualizationHook',
    'KMaXVisualizationHook',
    'MapClassesHook',
    'WarnAboutDataHook',
]

"""Hooks that know kMaX."""

from .check_classes import CheckClassesHook
from .compile import CompileHook
from .draw_results import KMaXSegVisualizationHook, KMaXVisualizationHook
from .expected_time import ExpectedTimeHook
from .fuse import FuseHook
from .map_classes import MapClassesHook
from .warn_about_data import WarnAboutDataHook

__all__ = [
    'CheckClassesHook',
    'CompileHook',
    'ExpectedTimeHook',
    'FuseHook',
    'KMaXSegVisualizationHook',
    'KMaXVisualizationHook',
    'MapClassesHook',
    'WarnAboutDataHook',
]

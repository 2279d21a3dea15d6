"""Hooks of the runner."""

from projects.kmax.engine.hooks.atomic_checkpoint import AtomicCheckpointHook
from projects.kmax.engine.hooks.average_norm_statistics import AverageNormStatisticsHook
from projects.kmax.engine.hooks.check_classes import CheckClassesHook
from projects.kmax.engine.hooks.check_finite import CheckFiniteHook
from projects.kmax.engine.hooks.gradient_norm import GradientNormHook
from projects.kmax.engine.hooks.map_classes import MapClassesHook
from projects.kmax.engine.hooks.warn_about_data import WarnAboutDataHook

__all__ = [
    'AtomicCheckpointHook',
    'AverageNormStatisticsHook',
    'CheckClassesHook',
    'CheckFiniteHook',
    'GradientNormHook',
    'MapClassesHook',
    'WarnAboutDataHook',
]

"""Hooks of the runner."""

from projects.kmax.engine.hooks.average_norm_statistics import AverageNormStatisticsHook
from projects.kmax.engine.hooks.check_classes import CheckClassesHook

__all__ = ['AverageNormStatisticsHook', 'CheckClassesHook']

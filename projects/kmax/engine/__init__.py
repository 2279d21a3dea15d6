"""Optimiser, learning-rate schedule, parameter groups, hooks, and what to adapt to the machine."""

from projects.kmax.engine.hooks import AverageNormStatisticsHook, CheckClassesHook
from projects.kmax.engine.launch import adapt_to_machine
from projects.kmax.engine.optimizer import KMaXAdamW
from projects.kmax.engine.optimizer_constructor import KMaXOptimWrapperConstructor
from projects.kmax.engine.scheduler import WarmupPolyLR

__all__ = [
    'AverageNormStatisticsHook',
    'CheckClassesHook',
    'KMaXAdamW',
    'KMaXOptimWrapperConstructor',
    'WarmupPolyLR',
    'adapt_to_machine',
]

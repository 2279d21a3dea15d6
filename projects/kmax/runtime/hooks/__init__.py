"""Hooks of the runner that know nothing of the model."""

from .atomic_checkpoint import AtomicCheckpointHook
from .average_norm_statistics import AverageNormStatisticsHook
from .check_finite import CheckFiniteHook
from .check_resume import CheckResumeHook
from .deferred_log import DeferredLogHook
from .gradient_norm import GradientNormHook

__all__ = [
    'AtomicCheckpointHook',
    'AverageNormStatisticsHook',
    'CheckFiniteHook',
    'CheckResumeHook',
    'DeferredLogHook',
    'GradientNormHook',
]

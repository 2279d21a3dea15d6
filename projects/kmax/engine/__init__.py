"""Optimiser, learning-rate schedule, parameter groups, and what to adapt to the machine."""

from projects.kmax.engine.launch import adapt_to_machine
from projects.kmax.engine.optimizer import KMaXAdamW
from projects.kmax.engine.optimizer_constructor import KMaXOptimWrapperConstructor
from projects.kmax.engine.scheduler import WarmupPolyLR

__all__ = ['KMaXAdamW', 'KMaXOptimWrapperConstructor', 'WarmupPolyLR', 'adapt_to_machine']

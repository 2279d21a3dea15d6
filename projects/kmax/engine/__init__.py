"""Training loop, optimiser, schedule, checkpoints, hooks, and what to adapt to the machine."""

from projects.kmax.engine.atomic_backend import AtomicBackend
from projects.kmax.engine.hooks import (
    AtomicCheckpointHook,
    AverageNormStatisticsHook,
    CheckClassesHook,
    CheckFiniteHook,
    GradientNormHook,
    MapClassesHook,
    WarnAboutDataHook,
)
from projects.kmax.engine.latest_checkpoint import find_whole_checkpoint
from projects.kmax.engine.launch import adapt_to_machine
from projects.kmax.engine.log_processor import KMaXLogProcessor
from projects.kmax.engine.optimizer import KMaXAdamW
from projects.kmax.engine.optimizer_constructor import KMaXOptimWrapperConstructor
from projects.kmax.engine.resumable_data import ResumableBatchSampler, SeededDataset
from projects.kmax.engine.scheduler import WarmupPolyLR
from projects.kmax.engine.train_loop import ResumableTrainLoop

__all__ = [
    'AtomicBackend',
    'AtomicCheckpointHook',
    'AverageNormStatisticsHook',
    'CheckClassesHook',
    'CheckFiniteHook',
    'GradientNormHook',
    'KMaXAdamW',
    'KMaXLogProcessor',
    'KMaXOptimWrapperConstructor',
    'MapClassesHook',
    'ResumableBatchSampler',
    'ResumableTrainLoop',
    'SeededDataset',
    'WarnAboutDataHook',
    'WarmupPolyLR',
    'adapt_to_machine',
    'find_whole_checkpoint',
]

"""What hardens mmengine: exact resume, atomic checkpoints, checked settings, and the machine."""

from .atomic_backend import AtomicBackend
from .checked_loader import DamagedCheckpointError
from .hooks import (
    AtomicCheckpointHook,
    AverageNormStatisticsHook,
    CheckFiniteHook,
    CheckResumeHook,
    DeferredLogHook,
    GradientNormHook,
)
from .latest_checkpoint import find_whole_checkpoint
from .log_processor import KMaXLogProcessor
from .machine import adapt_to_machine
from .resumable_data import ResumableBatchSampler, SeededDataset
from .train_loop import ResumableTrainLoop

__all__ = [
    'AtomicBackend',
    'AtomicCheckpointHook',
    'AverageNormStatisticsHook',
    'CheckFiniteHook',
    'CheckResumeHook',
    'DamagedCheckpointError',
    'DeferredLogHook',
    'GradientNormHook',
    'KMaXLogProcessor',
    'ResumableBatchSampler',
    'ResumableTrainLoop',
    'SeededDataset',
    'adapt_to_machine',
    'find_whole_checkpoint',
]

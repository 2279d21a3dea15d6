"""Speed and memory of panoptic models, measured side by side in one process."""

from .conditions import Conditions
from .contestant import Contestant
from .measuring import Timing, alternate, measure_peak
from .run import Benchmark, run_benchmark

__all__ = [
    'Benchmark',
    'Conditions',
    'Contestant',
    'Timing',
    'alternate',
    'measure_peak',
    'run_benchmark',
]

"""Pictures of results, of the clustering behind them and of training."""

from .local_visualizer import KMaXVisualizer

__all__ = ['KMaXVisualizer']

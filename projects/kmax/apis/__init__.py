"""From a name and a photo to a result."""

from .inferencer import KMaXInferencer

__all__ = ['KMaXInferencer']

"""kMaX-DeepLab for the OpenMMLab stack under a name of its own.

Importing this loads neither torch nor OpenMMLab, and makes ``projects.kmax`` importable wherever
another ``projects`` is found first.
"""

import importlib

from .namespace import claim

__all__ = ['__version__', 'register']
__version__ = '0.1.0'

claim()


def register() -> None:
    """Register everything with the OpenMMLab packages, as ``import projects.kmax`` does."""
    importlib.import_module('projects.kmax')

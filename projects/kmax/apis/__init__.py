"""From a name and a photo to a result.

What an exported file needs is imported without torch: the inferencer only when it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inferencer import KMaXInferencer

__all__ = ['KMaXInferencer']


def __getattr__(name: str) -> Any:
    """Import the inferencer, and with it torch and mmdet, when it is asked for."""
    if name in __all__:
        return getattr(importlib.import_module(f'{__name__}.inferencer'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

"""cityscapesScripts calls ``numpy.in1d``, which numpy 2.4 no longer has.

Upstream: https://github.com/mcordts/cityscapesScripts, ``evalInstanceLevelSemanticLabeling.py``;
https://numpy.org/doc/2.4/release/2.4.0-notes.html.
Delete when a release of cityscapesScripts calls ``numpy.isin``.
"""

import importlib
from contextlib import suppress
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .rebind import rebind

# mmdet has imported the first one already where the package is installed.
CALLERS = ('evalInstanceLevelSemanticLabeling', 'evalPixelLevelSemanticLabeling')


def in1d(values: ArrayLike, test: ArrayLike, invert: bool = False) -> NDArray[np.bool_]:
    """Tell for each of the flattened values whether it is in ``test``."""
    return np.isin(np.ravel(values), test, invert=invert)


def apply() -> None:
    """Show its modules, and nobody else, a numpy that has the function."""
    if hasattr(np, 'in1d'):
        return
    with suppress(ImportError):
        for caller in CALLERS:
            importlib.import_module(f'cityscapesscripts.evaluation.{caller}')
    numpy = ModuleType('numpy')
    vars(numpy).update(vars(np), in1d=in1d)
    rebind('cityscapesscripts', 'np', np, numpy)

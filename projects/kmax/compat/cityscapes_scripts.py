"""cityscapesScripts calls ``numpy.in1d``, which numpy 2.4 no longer has.

Upstream: https://github.com/mcordts/cityscapesScripts, ``evalInstanceLevelSemanticLabeling.py``;
https://numpy.org/doc/2.4/release/2.4.0-notes.html.
Delete when a release of cityscapesScripts calls ``numpy.isin``.
"""

from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .rebind import rebind


def in1d(values: ArrayLike, test: ArrayLike, invert: bool = False) -> NDArray[np.bool_]:
    """Tell for each of the flattened values whether it is in ``test``."""
    return np.isin(np.ravel(values), test, invert=invert)


def apply() -> None:
    """Show its modules, and nobody else, a numpy that has the function."""
    if hasattr(np, 'in1d'):
        return
    numpy = ModuleType('numpy')
    vars(numpy).update(vars(np), in1d=in1d)
    rebind('cityscapesscripts', 'np', np, numpy)

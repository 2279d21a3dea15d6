"""cityscapesScripts calls ``numpy.in1d``, which numpy 2.4 no longer has.

Upstream: https://github.com/mcordts/cityscapesScripts, ``evalInstanceLevelSemanticLabeling.py``;
https://numpy.org/doc/2.4/release/2.4.0-notes.html.
Delete when a release of cityscapesScripts calls ``numpy.isin``.
"""

import importlib
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from projects.kmax.compat.rebind import rebind


def in1d(values: ArrayLike, test: ArrayLike, invert: bool = False) -> NDArray[np.bool_]:
    """Tell for each of the flattened values whether it is in ``test``."""
    return np.isin(np.ravel(values), test, invert=invert)


def load(module: str, owner: str) -> ModuleType:
    """Import a module of cityscapesScripts, which is optional.

    Args:
        module: Its name within the package.
        owner: What needs it, for the error message.

    Raises:
        ModuleNotFoundError: When the package is not installed; says how to install it.
    """
    try:
        loaded = importlib.import_module(f'cityscapesscripts.{module}')
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'{owner} needs cityscapesScripts, but {error.name} is not installed: '
            'pip install cityscapesscripts'
        ) from error
    if not hasattr(np, 'in1d'):
        numpy = ModuleType('numpy')
        vars(numpy).update(vars(np), in1d=in1d)
        rebind('cityscapesscripts', 'np', np, numpy)
    return loaded

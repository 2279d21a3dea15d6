"""torch >= 2.6 refuses to load checkpoints that mmengine itself wrote.

``mmengine/runner/checkpoint.py`` calls ``torch.load`` without ``weights_only``, whose default
became True, and the checkpoints hold ``HistoryBuffer`` objects and numpy arrays. These are declared
safe, so that loading stays restricted to data. The fork onedl-mmengine answers the refusal with
``weights_only=False``, which runs whatever code a checkpoint holds: it no longer does.

Upstream: https://github.com/open-mmlab/mmengine (``mmengine/runner/checkpoint.py``).
Delete when a released mmengine loads its own checkpoints with the supported torch, and the fork
does without ``_safe_torch_load``.
"""

import importlib
from functools import wraps
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

STATISTICS = ('min', 'max', 'mean', 'current')


def history_buffer_getattr(owner: Any, name: str) -> Any:
    """``getattr`` for the methods that a pickled ``HistoryBuffer`` refers to, and no others."""
    if owner is HistoryBuffer and name in STATISTICS:
        return getattr(owner, name)
    raise ValueError(f'a checkpoint asks for {name!r} of {owner!r}, which is refused')


def apply() -> None:
    """Declare what mmengine stores beside weights as safe to load, and nothing else."""
    reconstruct: Any = np.empty(0).__reduce__()[0]
    scalar: Any = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in np.typecodes['AllInteger'] + '?efdg'}
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            reconstruct,
            scalar,
            # Checkpoints written with numpy 1 name these functions by their former module.
            (reconstruct, 'numpy.core.multiarray._reconstruct'),
            (scalar, 'numpy.core.multiarray.scalar'),
            (history_buffer_getattr, 'builtins.getattr'),
            *dtypes,
        ]
    )


def refuse_code() -> None:
    """Let the fork's mmengine load as ``torch.load`` does, without a second try that runs code."""
    checkpoint = importlib.import_module('mmengine.runner.checkpoint')
    original = getattr(checkpoint, '_safe_torch_load', None)
    if original is None:
        return

    @wraps(original)
    def load(file: Any, map_location: Any = None, weights_only: bool | None = None) -> Any:
        return torch.load(file, map_location=map_location, weights_only=weights_only)

    vars(checkpoint)['_safe_torch_load'] = load

"""Checkpoints of PyTorch projects: files of torch.save, detectron2's pickles, safetensors."""

import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..engine.weights import kind_of
from .errors import ConversionError
from .numpy_pickle import PickledArray, load_arrays, refusal

ENTRIES = ('model', 'state_dict')
"""Where files that hold more than weights keep them."""
BESIDE = {'.*/.*': 'not in the entry of weights of the file: state of a training'}
"""Reason to leave out what :func:`open_torch` names with slashes."""
# How files of torch.save start, and those of torch < 1.6.
MAGIC = (b'PK\x03\x04', pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2))
SAFETENSORS = '.safetensors'


@contextmanager
def open_torch(path: Path) -> Iterator[Mapping[str, Tensor]]:
    """Open a file of ``torch.save``, a pickle of arrays or ``.safetensors`` as tensors by name.

    Tensors beside the weights, as an optimizer's, have names with slashes: ``optimizer/state/0``.
    """
    if not path.is_file():
        raise ConversionError(f'checkpoint {path} is no file')
    content = _read(path)
    if not isinstance(content, Mapping):
        raise ConversionError(f'{path} holds a {type(content).__name__}, not weights by name')
    entry = next((e for e in ENTRIES if isinstance(content.get(e), Mapping)), None)
    weights = content if entry is None else content[entry]
    found = {str(name): _tensor(str(name), value, path) for name, value in weights.items()}
    if not found:
        raise ConversionError(f'{path} holds no weights')
    if entry is not None:
        rest = {name: value for name, value in content.items() if name != entry}
        found |= {name: _tensor(name, value, path) for name, value in _nested(rest)}
    yield found


def _read(path: Path) -> Any:
    with open(path, 'rb') as file:
        start = file.read(16)
    if path.suffix == SAFETENSORS:
        return _load_safetensors(path)
    if not start.startswith(MAGIC):
        return load_arrays(path)
    try:
        with warnings.catch_warnings():
            # Of its own, for quantised tensors.
            warnings.filterwarnings('ignore', 'TypedStorage is deprecated')
            return torch.load(path, map_location='cpu', weights_only=True)
    # A damaged file can raise nearly any exception.
    except Exception as error:
        asked = re.search(r'GLOBAL ([\w.]+)', str(error))
        if isinstance(error, pickle.UnpicklingError) and asked:
            raise ConversionError(refusal(path, asked[1])) from error
        raise ConversionError(f'{path} cannot be read, it may be damaged: {error}') from error


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ConversionError(
            f'reading {path} needs safetensors: pip install safetensors ({error})'
        ) from error
    # Its errors are exceptions of its own.
    try:
        return load_file(path)
    except Exception as error:
        raise ConversionError(f'{path} cannot be read, it may be damaged: {error}') from error


def _tensor(name: str, value: Any, path: Path) -> Tensor:
    if isinstance(value, Tensor):
        if value.is_meta or value.is_quantized or value.layout != torch.strided:
            kind = kind_of(value)
            raise ConversionError(f'{path} cannot be used: {name} is no plain tensor, but {kind}')
        return value
    if isinstance(value, PickledArray):
        value = value.values
    try:
        # Arrays that share a pickle's memory are read-only, which torch warns of.
        return torch.from_numpy(np.require(value, requirements='W'))
    except (TypeError, ValueError) as error:
        raise ConversionError(f'{path} cannot be used: {name} is no array of numbers') from error


def _nested(root: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays in nested containers, each with its path; a container counts once."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), root)]
    seen = set()
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, (Tensor, np.ndarray, PickledArray)):
            yield '/'.join(path) + ('/' if len(path) == 1 else ''), value
        elif isinstance(value, (Mapping, list, tuple)) and id(value) not in seen:
            seen.add(id(value))
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            waiting += reversed([((*path, str(key)), item) for key, item in items])

"""Pickles of arrays, read so that they cannot run code."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ConversionError

_RECONSTRUCT = np.empty(0).__reduce__()[0]
_SCALAR = np.float64(0).__reduce__()[0]
_FROM_BUFFER = np.empty(0).__reduce_ex__(5)[0]


def _encode(text: str, encoding: str) -> bytes:
    """What Python 3 writes into pickles of protocol 2 in place of bytes."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'bytes in encoding {encoding!r}')
    return text.encode(encoding)


# numpy 2 moved its private modules from `core` to `_core`.
_ALLOWED: dict[str, Any] = {
    'collections.OrderedDict': dict,
    '_codecs.encode': _encode,
    'numpy.ndarray': np.ndarray,
    'numpy.dtype': np.dtype,
    **{
        f'numpy.{core}.{name}': value
        for core in ('core', '_core')
        for name, value in {
            'multiarray._reconstruct': _RECONSTRUCT,
            'multiarray.scalar': _SCALAR,
            'numeric._frombuffer': _FROM_BUFFER,
        }.items()
    },
}


class _RefusedError(Exception):
    """A pickle asks for something that is no array; holds its name."""


class _ArrayUnpickler(pickle.Unpickler):
    """Admits arrays, numbers, text and the plain containers of these."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[f'{module}.{name}']
        except KeyError:
            raise _RefusedError(f'{module}.{name}') from None


def load_arrays(path: Path) -> Any:
    """Read a pickle of arrays.

    Args:
        path: The file, written by Python 2 or 3.

    Raises:
        ConversionError: When it asks for anything but arrays, or is damaged.
    """
    try:
        with open(path, 'rb') as file:
            return _ArrayUnpickler(file, encoding='latin1').load()
    except _RefusedError as error:
        raise ConversionError(refusal(path, str(error))) from error
    # A damaged pickle can raise nearly any exception.
    except Exception as error:
        raise ConversionError(
            f'{path} cannot be read as a file of torch.save or a pickle of arrays, it may be '
            f'damaged: {error}'
        ) from error


def refusal(path: Path, name: str) -> str:
    """Say that a file is not read.

    Args:
        path: The file.
        name: What it asks for.
    """
    return (
        f'{path} is refused: to be read it wants {name}, which can run code, where a checkpoint '
        'needs arrays and tensors only; get the file from its publisher again'
    )

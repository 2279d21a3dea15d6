"""Pickles of arrays, read so that they can neither run code nor reach memory."""

import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ConversionError


def _encode(text: str, encoding: str) -> bytes:
    """What Python 3 writes into pickles of protocol 2 in place of bytes."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'bytes in encoding {encoding!r}')
    return text.encode(encoding)


def _no_bytes() -> bytes:
    """What Python 3 writes into pickles of protocol 2 in place of no bytes."""
    return b''


class _RefusedError(Exception):
    """A pickle asks for something that is no array of numbers; holds what."""


class _KindError(Exception):
    """A pickle holds values that are no numbers; holds their type."""


class _Dtype:
    """Stands for numpy's dtype, whose state could call the bytes of a file pointers."""

    def __init__(self, code: str, *_: Any) -> None:
        if not isinstance(code, str) or not re.fullmatch(r'[biufc]\d{1,2}', code):
            raise _KindError(code)
        self._numbers = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the byte order; flags and fields belong to types other than numbers."""
        self._numbers = self._numbers.newbyteorder(state[1])

    def array(self, raw: Any, shape: Any, order: str) -> np.ndarray:
        """Return bytes as an array in the machine's byte order."""
        # Text is how pickles of Python 2 hold bytes.
        content = raw.encode('latin1') if isinstance(raw, str) else raw
        if not isinstance(content, (bytes, bytearray)):
            raise pickle.UnpicklingError(f'an array of {type(content).__name__}')
        needed = math.prod(shape) * self._numbers.itemsize
        if any(size < 0 for size in shape) or len(content) != needed:
            raise pickle.UnpicklingError(f'{len(content)} bytes for an array of shape {shape}')
        values = np.ndarray(shape, self._numbers, content, order='F' if order == 'F' else 'C')
        return values.astype(self._numbers.newbyteorder('='), copy=False)


class PickledArray:
    """Stands for numpy's array, which is in ``values``."""

    def __init__(self) -> None:
        self.values = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take shape, type, whether columns come first, and the bytes."""
        shape, dtype, columns_first, raw = state[-4:]
        self.values = _numbers(dtype).array(raw, shape, 'F' if columns_first else 'C')


def _numbers(dtype: Any) -> _Dtype:
    if not isinstance(dtype, _Dtype):
        raise _KindError(dtype)
    return dtype


def _reconstruct(*_: Any) -> PickledArray:
    return PickledArray()


def _scalar(dtype: Any, raw: Any) -> Any:
    return _numbers(dtype).array(raw, (), 'C')[()]


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: str, axes: Any = None) -> np.ndarray:
    values = _numbers(dtype).array(raw, shape, order)
    return values.transpose(axes) if order == 'K' and axes is not None else values


# numpy 2 moved its private modules from `core` to `_core`.
_ALLOWED: dict[str, Any] = {
    'collections.OrderedDict': dict,
    '_codecs.encode': _encode,
    '__builtin__.bytes': _no_bytes,
    'numpy.ndarray': PickledArray,
    'numpy.dtype': _Dtype,
    **{
        f'numpy.{core}.{name}': value
        for core in ('core', '_core')
        for name, value in {
            'multiarray._reconstruct': _reconstruct,
            'multiarray.scalar': _scalar,
            'numeric._frombuffer': _from_buffer,
        }.items()
    },
}


class _ArrayUnpickler(pickle.Unpickler):
    """Admits arrays, numbers, text and the plain containers of these."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[f'{module}.{name}']
        except KeyError:
            raise _RefusedError(f'{module}.{name}') from None


def load_arrays(path: Path) -> Any:
    """Read a pickle of arrays, written by Python 2 or 3; some become a :class:`PickledArray`.

    A ConversionError says that it asks for anything but arrays of numbers, or is damaged.
    """
    try:
        with open(path, 'rb') as file:
            return _ArrayUnpickler(file, encoding='latin1').load()
    except _RefusedError as error:
        raise ConversionError(refusal(path, str(error))) from error
    except _KindError as error:
        raise ConversionError(
            f'{path} is refused: it holds an array of type {error}, where a checkpoint needs '
            'arrays of numbers (b, i, u, f, c); get the file from its publisher again'
        ) from error
    # A damaged pickle can raise nearly any exception.
    except Exception as error:
        raise ConversionError(
            f'{path} cannot be read as a file of torch.save or a pickle of arrays, it may be '
            f'damaged: {error}'
        ) from error


def refusal(path: Path, name: str) -> str:
    """Say that a file is not read, for the name of what it asks for."""
    return (
        f'{path} is refused: to be read it wants {name}, which can run code, where a checkpoint '
        'needs arrays and tensors only; get the file from its publisher again'
    )

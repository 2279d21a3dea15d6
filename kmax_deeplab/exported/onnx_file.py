"""The metadata of an ONNX file, read without its package: the weights are passed over."""

import io
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from ..local_files import check_regular

METADATA_PROPS = 14
"""Number of the field of ``ModelProto`` that holds pairs of a key and a value."""

ENTRY = 'kmax'
"""Of the metadata, under which the contract is, as JSON."""

KEY, VALUE = 1, 2
_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5
_WIDTHS = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return the metadata of an ONNX file.

    Raises:
        OSError: If there is no such file, or it cannot be read.
        ValueError: If it is no ONNX file, or only a part of one.
    """
    check_regular(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f'model {path} does not exist')
    with open(path, 'rb') as file:
        try:
            entries = [entry for _, entry in _fields(file, {METADATA_PROPS})]
            return dict(_read_pair(entry) for entry in entries)
        except (EOFError, UnicodeDecodeError) as error:
            raise ValueError(f'{path} is truncated, or no ONNX file') from error


def is_exported_file(path: str | Path) -> bool:
    """Tell whether a file is one of ``kmax-deeplab export``, of whatever format version."""
    try:
        return ENTRY in read_metadata(path)
    except (OSError, ValueError):
        return False


def _read_pair(entry: bytes) -> tuple[str, str]:
    texts = {number: text.decode() for number, text in _fields(io.BytesIO(entry), {KEY, VALUE})}
    return texts.get(KEY, ''), texts.get(VALUE, '')


def _fields(file: BinaryIO, wanted: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Yield the content of the fields of a message that have one of these numbers.

    Raises:
        EOFError: If the file ends within a field, or holds what is none.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    while file.tell() < end:
        number, kind = divmod(_read_varint(file), 8)
        if kind == _VARINT:
            _read_varint(file)
            continue
        if kind != _SIZED and kind not in _WIDTHS:
            raise EOFError(f'there is no field of kind {kind}')
        length = _read_varint(file) if kind == _SIZED else _WIDTHS[kind]
        if file.tell() + length > end:
            raise EOFError('the last field is not whole')
        if kind == _SIZED and number in wanted:
            yield number, file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)


def _read_varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise EOFError('a number is not whole')

"""TensorFlow checkpoints as released: a prefix, a folder, or the archive they are downloaded as."""

import errno
import lzma
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kmax_deeplab.paths import find_name_fault

from .errors import ConversionError, UnwritableError

INDEX = '.index'
_ENDING = re.compile(r'\.(index|data-\d+-of-\d+)$')
_FILES = re.compile(r'(?!\.).*(\.index|\.data-.*)|checkpoint')
_DAMAGES = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Variables(Mapping[str, Tensor]):
    """Variables of a checkpoint, each read when it is asked for."""

    def __init__(self, prefix: Path, source: Path) -> None:
        self._source = source
        tensorflow = import_tensorflow()
        # What TensorFlow raises for damaged files has no common base below Exception.
        try:
            self._reader = tensorflow.train.load_checkpoint(str(prefix))
            self._names = dict.fromkeys(sorted(self._reader.get_variable_to_shape_map()))
        except Exception as error:
            raise self._unreadable(error) from error

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)
        try:
            return torch.from_numpy(self._reader.get_tensor(name))
        except Exception as error:
            raise self._unreadable(error) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _unreadable(self, error: Exception) -> ConversionError:
        return ConversionError(
            f'TensorFlow cannot read checkpoint {self._source}, it may be damaged: {error}'
        )


@contextmanager
def open_tensorflow(path: Path) -> Iterator[Mapping[str, Tensor]]:
    """Open a checkpoint as variables by name, each read when it is asked for.

    It is a prefix, ``.index`` or ``.data-*`` file, a folder, or a ``.tar.gz``, which is unpacked to
    a temporary folder.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = path
        if path.is_file() and without_ending(path) == path:
            place = Path(folder)
            _unpack(path, place)
        yield _Variables(find_prefix(place, path), path)


def without_ending(path: Path) -> Path:
    """Return the prefix of a checkpoint from one of its files; other paths as they are."""
    return path if path.is_dir() else path.with_name(_ENDING.sub('', path.name))


def holds_index(archive: Path) -> bool:
    """Return whether a file is an archive that holds the index of a checkpoint."""
    try:
        with tarfile.open(archive) as tar:
            return any(member.name.endswith(INDEX) for member in tar)
    except (*_DAMAGES, OSError):
        return False


def find_prefix(place: Path, source: Path) -> Path:
    """Return the prefix of the one checkpoint at a place, which the user named as ``source``.

    The place is a prefix, ``.index`` or ``.data-*`` file, or a folder that holds one checkpoint or
    says in its file ``checkpoint`` which is the latest.
    """
    place = without_ending(place)
    if place.is_dir():
        indices = sorted(place.rglob('*' + INDEX))
        latest = [index for index in indices if index.stem == _latest(index.parent)]
        found = latest or indices
        if len(found) != 1:
            names = ', '.join(str(index.relative_to(place)) for index in found) or 'none'
            raise ConversionError(
                f'{source} must hold one TensorFlow checkpoint, a file *{INDEX}, but holds {names}'
            )
        place = found[0].with_suffix('')
    index = place.with_name(place.name + INDEX)
    if not index.is_file():
        raise ConversionError(f'TensorFlow checkpoint {source} does not exist: no file {index}')
    if not list(place.parent.glob(escape(place.name) + '.data-*')):
        raise ConversionError(
            f'TensorFlow checkpoint {source} is incomplete: no file {place}.data-* beside {index}'
        )
    return place


def _latest(folder: Path) -> str | None:
    """Name of the checkpoint that TensorFlow notes as the latest of a folder; paths may be old."""
    note = folder / 'checkpoint'
    if not note.is_file():
        return None
    # File names may be of any bytes.
    text = note.read_text('utf-8', errors='surrogateescape')
    match = re.search(r'^model_checkpoint_path: "(.*)"', text, re.MULTILINE)
    return Path(match[1]).name if match else None


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack a checkpoint's files of an archive into one folder, whatever folders it names."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _check_member(archive, member)
                name = Path(member.name).name
                content = tar.extractfile(member) if _FILES.fullmatch(name) else None
                if content is not None:
                    with open(folder / name, 'xb') as file:
                        shutil.copyfileobj(content, file)
            # The check sum of compressed data comes after the archive's end.
            while tar.fileobj and tar.fileobj.read(2**20):
                pass
    except FileExistsError as error:
        raise ConversionError(f'{archive} holds two files {name}') from error
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise _damaged(archive, error) from error
        raise UnwritableError(
            f'{archive} cannot be unpacked into {folder}: {error}; set TMPDIR to a folder with '
            'more space'
        ) from error
    except _DAMAGES as error:
        raise _damaged(archive, error) from error


def _damaged(archive: Path, error: Exception) -> ConversionError:
    return ConversionError(f'{archive} cannot be unpacked, it may be damaged or cut off: {error}')


def _check_member(archive: Path, member: tarfile.TarInfo) -> None:
    """Refuse what no published archive holds, but one that means harm may."""
    # A folder itself may be called as the archive is, "./".
    fault = find_name_fault(f'{member.name}/file' if member.isdir() else member.name)
    if fault is not None:
        raise ConversionError(
            f'{archive} is refused: it names the file {member.name!r}, which {fault}'
        )
    if not member.isfile() and not member.isdir():
        raise ConversionError(
            f'{archive} is refused: its {member.name} is a link or device, not a file'
        )


def import_tensorflow() -> Any:
    """Return the package, or raise a ConversionError that says what to install."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    try:
        import tensorflow
    except ImportError as error:
        raise ConversionError(
            'reading checkpoints of deeplab2 needs TensorFlow, of which the CPU package is '
            f'enough: pip install tensorflow-cpu ({error})'
        ) from error
    return tensorflow

"""Files that are either whole or absent."""

import errno
import os
import re
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .locks import is_alive

TEMPORARY_SUFFIX = '.partial'
_TEMPORARY = re.compile(r'\.\d+\.\d+\.partial$')
_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextmanager
def open_atomically(path: Path, sync: bool = True) -> Iterator[BinaryIO]:
    """Open a file that appears when the block ends, and only if no error ends it.

    Args:
        path: Its name; missing folders are made.
        sync: Whether to put it on the disk before it appears, so that it outlives a power failure.

    Yields:
        Another file, which gets the name in the end.

    Raises:
        OSError: If it cannot be written, as on a full disk; names the file.
        ValueError: If it is there and no regular file. What a link leads to is written.
    """
    with naming(path), _open_temporary(_target(path), sync) as file:
        yield file


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file where writing fails: the system does not, if the disk is full.

    Args:
        path: The file that is written in the block.
    """
    try:
        yield
    except OSError as error:
        is_nameless = error.filename is None and error.errno in _WRITING
        if error.errno is None or not (is_nameless or TEMPORARY_SUFFIX in str(error.filename)):
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


@contextmanager
def write_staged(path: Path) -> Iterator[Path]:
    """Let another writer, which takes a path, write a file that appears whole or not at all.

    Args:
        path: The name of the file in the end; missing folders are made.

    Yields:
        A path of that file name in a folder that is there meanwhile.
    """
    path = _target(path)
    folder = _temporary_name(path)
    try:
        with naming(path):
            folder.mkdir(parents=True)
            yield folder / path.name
            os.replace(folder / path.name, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _open_temporary(path: Path, sync: bool) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_name(path)
    try:
        with temporary.open('wb') as file:
            if path.exists():
                os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if sync:
        _sync_folder(path.parent)


def write_atomically(path: Path, content: bytes, sync: bool = False) -> None:
    """Write a file that appears whole or not at all.

    Args:
        path: Its name; missing folders are made.
        content: What it holds.
        sync: Whether to wait until it is on the disk.
    """
    with open_atomically(path, sync) as file:
        file.write(content)


def remove_temporaries(folder: Path, name: str = '*') -> None:
    """Remove what a process that was killed left half-written; files of those alive remain.

    Args:
        folder: Where to look.
        name: Pattern of the files' names in the end; others may be in the making.
    """
    for path in folder.glob(f'{name}.*{TEMPORARY_SUFFIX}'):
        if not _TEMPORARY.search(path.name) or _is_being_written(path):
            continue
        if path.is_file():
            path.unlink(missing_ok=True)
        elif path.is_dir() and not path.is_symlink():
            # Of a file that another writer was writing, see write_staged.
            shutil.rmtree(path, ignore_errors=True)


def _target(path: Path) -> Path:
    """Follow links to what is written, and refuse what a file would replace unasked."""
    path = path.resolve() if path.is_symlink() else path
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise ValueError(f'{path} is no regular file, which it would be replaced by: give another')
    return path


def _temporary_name(path: Path) -> Path:
    writer = f'{os.getpid()}.{threading.get_ident()}'
    return path.with_name(f'{path.name}.{writer}{TEMPORARY_SUFFIX}')


def _is_being_written(path: Path) -> bool:
    """Tell whether the process that made a temporary file, which its name tells, is alive."""
    pid = int(path.name.split('.')[-3])
    return pid != os.getpid() and is_alive(pid)


def _sync_folder(folder: Path) -> None:
    """Put a rename on the disk, where the system can."""
    if not hasattr(os, 'O_DIRECTORY'):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not sync folders; the file itself is whole.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)

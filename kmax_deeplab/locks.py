"""Locks between processes that end with their owner."""

import errno
import json
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.util import Finalize
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked.
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = '.in_use'
"""File of a locked folder, and end of that beside a locked file, which tells by whom."""

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
_held: dict[Path, BinaryIO] = {}
# A child holds nothing, and must not remove what its parent holds when it ends.
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_held.clear)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process is in such a block, without saying so.

    It is for steps that take a moment, or spare those who wait the same work.

    Args:
        path: A file that exists as long as a process is in the block. One that a killed process
            left does not lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open('ab') as file:
            if fcntl is not None:
                fcntl.lockf(file, fcntl.LOCK_EX)
            # Whoever held the lock has removed the file; those who came later lock another one.
            if not _has_name(file, path):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def lock_file_of(path: Path) -> Path:
    """Return the file beside a file that tells which process writes it."""
    return path.with_name(path.name + LOCK_NAME)


def hold_folder(folder: Path) -> None:
    """Keep other processes from writing to a folder, see :func:`hold`; it is made if missing."""
    hold(folder, folder / LOCK_NAME)


def release_folders(folders: Iterable[Path]) -> None:
    """Let other processes write to folders that this one holds; others are left alone."""
    release(folder / LOCK_NAME for folder in folders)


def hold(place: Path, lock_file: Path) -> None:
    """Keep other processes from writing to a place, until :func:`release` or the end.

    The lock of a process that was killed does not hold. A process may hold several, and one twice.

    Args:
        place: A file or folder, for the message.
        lock_file: Tells who holds it; missing folders are made.

    Raises:
        ValueError: If another process holds it; tells its number, its host and its command.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    path = _identify(lock_file)
    while path not in _held:
        file = path.open('a+b')
        if not _try_lock(file):
            owner = _read_owner(file)
            file.close()
            raise ValueError(
                f'{place} is in use by {owner}: wait until that run ends, or give another place to '
                'write to'
            )
        if not _has_name(file, path):
            file.close()
            continue
        file.truncate(0)
        me = dict(pid=os.getpid(), host=socket.gethostname(), command=' '.join(sys.argv))
        file.write(json.dumps(me).encode())
        file.flush()
        # A closed file, as of an object that is no more, would give up the lock.
        _held[path] = file
        # Not atexit, which a process that was started by multiprocessing leaves out.
        Finalize(None, release, args=([path],), exitpriority=0)


def release(lock_files: Iterable[Path]) -> None:
    """Give up locks that this process holds; others are left alone."""
    for path in map(_identify, lock_files):
        file = _held.pop(path, None)
        if file is not None:
            path.unlink(missing_ok=True)
            file.close()


def is_alive(pid: int) -> bool:
    """Tell whether a process of this machine still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _identify(lock_file: Path) -> Path:
    return lock_file.parent.resolve() / lock_file.name


def _try_lock(file: BinaryIO) -> bool:
    """Lock a file if no other process has locked it; file systems without locks do not object."""
    if fcntl is None:
        return True
    try:
        # Not flock, whose locks the data workers inherit: they outlive a killed run by seconds.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    return True


def _read_owner(file: BinaryIO) -> str:
    file.seek(0)
    try:
        owner = json.loads(file.read())
        return 'process {pid} on {host} ({command})'.format(**owner)
    # It is just being written.
    except (ValueError, KeyError, TypeError):
        return 'another process'


def _has_name(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False

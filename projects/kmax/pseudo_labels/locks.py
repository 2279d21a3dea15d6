"""Locks between processes that end with their owner."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def lock(file: BinaryIO, path: Path, shared: bool = False) -> None:
    """Lock a file for this process, until it closes any descriptor of that file.

    Not by ``flock``, whose locks the data workers inherit: they outlive a killed run by seconds.
    The file is open for writing, unless the lock is ``shared``. A ValueError says that another
    process holds a lock that excludes this one.
    """
    try:
        fcntl.lockf(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        message = f'{path} is in use by another run: wait for it, or give another place to write to'
        raise ValueError(message) from error


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process is in such a block, for steps that take a moment only.

    Args:
        path: A file that exists as long as a process is in the block. One that a killed process
            left does not lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open('ab') as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            # Whoever held the lock has removed the file; those who came later lock another one.
            if not _has_name(file, path):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _has_name(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False

"""Files that are either whole or absent."""

import errno
import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

TEMPORARY_SUFFIX = '.partial'


@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """Local files, written under another name until they are whole and on the disk."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file at once; a failure leaves what was there before, and nothing else.

        Args:
            obj: Its content.
            filepath: Its name.

        Raises:
            OSError: If it cannot be written, as on a full disk; names the file.
        """
        path = Path(filepath)
        temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open('wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            reason = error.strerror or str(error)
            message = f'cannot write {path} of {len(obj)} bytes: {reason}'
            raise OSError(error.errno, message) from error
        _sync_folder(path.parent)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write a text file as :meth:`put` does."""
        self.put(obj.encode(encoding), filepath)


def remove_temporaries(folder: str | Path) -> None:
    """Remove what a process that was killed left half-written."""
    for path in Path(folder).glob(f'*{TEMPORARY_SUFFIX}'):
        path.unlink(missing_ok=True)


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

"""mmengine's file backend for files that are either whole or absent."""

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from kmax_deeplab.atomic_file import open_atomically


@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """Local files, written under another name until they are whole and on the disk."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file at once; a failure leaves what was there before, and nothing else.

        Raises:
            OSError: If it cannot be written, as on a full disk; names the file.
        """
        try:
            with open_atomically(Path(filepath)) as file:
                file.write(obj)
        except OSError as error:
            reason = error.strerror or str(error)
            message = f'cannot write {filepath} of {len(obj)} bytes: {reason}'
            raise OSError(error.errno, message) from error

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write a text file as :meth:`put` does; names of files may be of other bytes."""
        self.put(obj.encode(encoding, 'surrogateescape'), filepath)

"""A record of what is done, line by line, that survives being killed."""

import json
import os
from pathlib import Path
from typing import Any, Self

from kmax_deeplab.atomic_file import naming
from kmax_deeplab.locks import hold, lock_file_of, release


class Journal:
    """A file of JSON lines: the settings of the work, then one entry for each finished part.

    A line that a killed process left unfinished is dropped when the file is opened again. The file
    is held as long as it is open.

    Args:
        path: The file.
        settings: What the entries depend on.

    Raises:
        ValueError: If another process has it open, it was begun with other settings, or it is
            damaged.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        hold(path, lock_file_of(path))
        self._file = path.open('a+b')
        try:
            self._file.seek(0)
            content = _whole_lines(self._file.read())
            lines = _parse(content, path)
            if lines:
                check_settings(path, lines[0], settings)
            self.entries: list[dict[str, Any]] = lines[1:]
            self._file.truncate(len(content))
            if not lines:
                self._write(settings)
        except BaseException:
            self._close()
            raise

    def append(self, entry: dict[str, Any]) -> None:
        """Add an entry; it is on disk when this returns."""
        self._write(entry)
        self.entries.append(entry)

    def _write(self, line: dict[str, Any]) -> None:
        with naming(self.path):
            self._file.write(json.dumps(line).encode() + b'\n')
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self._close()

    def _close(self) -> None:
        try:
            # It writes again what there was no room for.
            with naming(self.path):
                self._file.close()
        finally:
            release([lock_file_of(self.path)])


def read_entries(path: Path, settings: dict[str, Any], may_grow: bool) -> list[dict[str, Any]]:
    """Return the entries of the journal of another process, which ``may_grow``.

    A ValueError says that it is being written but may not, or that the journal was begun with other
    settings or is damaged.
    """
    if not may_grow:
        hold(path, lock_file_of(path))
        release([lock_file_of(path)])
    lines = _parse(_whole_lines(path.read_bytes()), path)
    if lines:
        check_settings(path, lines[0], settings)
    return lines[1:]


def check_settings(path: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Refuse what was made with other settings: a ValueError names the first that differs."""
    for name, value in expected.items():
        if found.get(name) != value:
            raise ValueError(
                f'{path} was begun with {name}={found.get(name)!r}, not {value!r}: give another '
                'place to write to, or delete it and the PNGs to start again'
            )


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b'\n') + 1]


def _parse(text: bytes, path: Path) -> list[dict[str, Any]]:
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            content = json.loads(line)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            remedy = 'delete the file and the PNGs to start again'
            raise ValueError(f'line {number} of {path} is damaged: {remedy}')
        lines.append(content)
    return lines

"""A record of what is done, line by line, that survives being killed."""

import json
import os
from pathlib import Path
from typing import Any, Self


class Journal:
    """A file of JSON lines: the settings of the work, then one entry for each finished part.

    A line that a killed process left unfinished is dropped when the file is opened again.

    Args:
        path: The file.
        settings: What the entries depend on.

    Raises:
        ValueError: If the file was begun with other settings.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.exists() else b''
        whole = content[: content.rfind(b'\n') + 1]
        lines = [json.loads(line) for line in whole.splitlines()]
        if lines:
            check_settings(path, lines[0], settings)
        self.entries: list[dict[str, Any]] = lines[1:]
        self._file = path.open('r+b' if path.exists() else 'wb')
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        if not lines:
            self._write(settings)

    def append(self, entry: dict[str, Any]) -> None:
        """Add an entry; it is on disk when this returns."""
        self._write(entry)
        self.entries.append(entry)

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line).encode() + b'\n')
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self._file.close()


def check_settings(path: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Refuse what was made with other settings.

    Raises:
        ValueError: Names the file, the first setting that differs and both of its values.
    """
    for name, value in expected.items():
        if found.get(name) != value:
            raise ValueError(
                f'{path} was begun with {name}={found.get(name)!r}, not {value!r}: give another '
                'place to write to, or delete it to start again'
            )

"""Predictions on disk, which appear complete or not at all."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from kmax_deeplab.atomic_file import write_atomically

from ..panoptic_format import write_panoptic_png


class PendingFolder:
    """A folder that bears its name only when it is complete.

    Until then its files lie beside it, in a folder with the suffix ``.partial``, which all
    processes must share. What an interrupted run left there does not get into the next result.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._partial = self.path.with_name(f'{self.path.name}.partial')

    def file(self, name: str) -> Path:
        """Return where a file of the folder is to be written."""
        return self._partial / name

    def publish(self, names: Collection[str]) -> None:
        """Give the folder its name, in the place of an earlier one.

        It holds the files of these names; a FileNotFoundError names the one that is missing.
        """
        self._partial.mkdir(parents=True, exist_ok=True)
        wanted = {self._partial / name for name in names}
        present = {path for path in self._partial.rglob('*') if path.is_file()}
        for path in sorted(wanted - present):
            raise FileNotFoundError(
                f'{path} was written by another process, but is not there: {self.path.parent} must '
                'be a folder that all processes share'
            )
        for path in present - wanted:
            path.unlink()
        self.withdraw()
        self._partial.rename(self.path)

    def withdraw(self) -> None:
        """Remove an earlier result."""
        if self.path.exists():
            outdated = self.path.with_name(f'{self.path.name}.outdated')
            shutil.rmtree(outdated, ignore_errors=True)
            self.path.rename(outdated)
            shutil.rmtree(outdated)


class PanopticExport:
    """Predictions in COCO's format: ``{prefix}.panoptic.json`` and the folder ``.panoptic``."""

    suffixes = ('.panoptic', '.panoptic.json')

    def __init__(self, prefix: str) -> None:
        folder, json_file = (f'{prefix}{suffix}' for suffix in self.suffixes)
        self.json_file = Path(json_file)
        self.folder = PendingFolder(folder)

    def add(self, name: str, ids: NDArray[np.integer]) -> None:
        """Write the PNG of one image, from ids ``(H, W)``."""
        write_panoptic_png(self.folder.file(name), ids)

    def publish(self, annotations: list[dict[str, Any]]) -> None:
        """Make the result appear, the JSON with these entries last; see :class:`PendingFolder`."""
        self.json_file.unlink(missing_ok=True)
        self.folder.publish([annotation['file_name'] for annotation in annotations])
        write_atomically(self.json_file, json.dumps(dict(annotations=annotations)).encode())
        print_log(
            f'{len(annotations)} predictions are in {self.json_file} and {self.folder.path}/',
            logger='current',
        )

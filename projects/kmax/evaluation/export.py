"""Predictions on disk, which appear complete or not at all."""

import json
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from kmax_deeplab.paths import place_within

from ..panoptic.files import write_panoptic_json, write_panoptic_png

PARTIAL, OUTDATED = '.partial', '.outdated'
WRITTEN = ('.png', '.txt', PARTIAL)
"""Endings of the files that folders of predictions hold, those half-written included."""


class PendingFolder:
    """A folder that bears its name only when it is complete.

    Until then its files lie beside it, in a folder with the suffix ``.partial``, which all
    processes must share. What an interrupted run left there does not get into the next result.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._partial = self.path.with_name(f'{self.path.name}{PARTIAL}')

    def file(self, name: str) -> Path:
        """Return where a file of the folder is to be written; a ValueError refuses its name."""
        return place_within(self._partial, name, f'the result {self.path}')

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
            # It may have got other files since that was asked first.
            refuse_foreign([self.path])
            outdated = self.path.with_name(f'{self.path.name}{OUTDATED}')
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
        write_panoptic_json(self.json_file, annotations=annotations)
        print_log(
            f'{len(annotations)} predictions are in {self.json_file} and {self.folder.path}/',
            logger='current',
        )


def refuse_foreign(destinations: Iterable[Path]) -> None:
    """Refuse to replace what is no earlier result of predictions.

    A folder that holds other files, or is a link, may be the user's: it is refused before anything
    is predicted.
    """
    for path in destinations:
        if path.suffix == '.json' and path.is_file():
            _refuse_annotations(path)
        for place in (path, *(path.with_name(path.name + end) for end in (PARTIAL, OUTDATED))):
            if not place.is_dir():
                continue
            if place.is_symlink():
                raise ValueError(
                    f'{place} is a link to a folder, which a result would replace: remove the link '
                    'or give another outfile_prefix'
                )
            files = (file for file in place.rglob('*') if not file.is_dir())
            strange = next((file for file in files if not _may_be_written(file)), None)
            if strange is not None:
                raise ValueError(
                    f'{strange} is no prediction, but its folder would be replaced: give another '
                    'outfile_prefix'
                )


def _may_be_written(file: Path) -> bool:
    # Hidden ones are the system's: .DS_Store, .nfs...
    return file.suffix in WRITTEN or file.name.startswith('.')


def _refuse_annotations(path: Path) -> None:
    """Refuse to replace a JSON that holds more than predictions do."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        content = None
    if isinstance(content, dict) and {'images', 'categories'} & content.keys():
        raise ValueError(
            f'predictions would be written over the annotations {path}: give another outfile_prefix'
        )
    if not isinstance(content, list) and (content is None or set(content) != {'annotations'}):
        raise ValueError(
            f'{path} is no earlier result of predictions, which would replace it: give another '
            'outfile_prefix, or remove it'
        )


def refuse_overwriting(destinations: Iterable[Path], *truths: str | None) -> None:
    """Refuse to write over the annotations, files or folders, that are compared with."""
    for path in destinations:
        for truth in truths:
            if truth and '://' not in truth and _would_lose(path.resolve(), Path(truth).resolve()):
                raise ValueError(
                    f'predictions would be written to {path} over the annotations {truth}: give '
                    'another outfile_prefix'
                )


def _would_lose(written: Path, kept: Path) -> bool:
    """Tell whether what is kept is replaced, or lies in a folder that is."""
    return kept.is_relative_to(written)

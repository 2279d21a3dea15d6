"""Logs that cannot be written, as on a full disk: the run goes on without, and says so once."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.visualization import LocalVisBackend, Visualizer

from kmax_deeplab.atomic_file import naming


def outlive_full_disk(handler: logging.StreamHandler) -> None:
    """Let a handler say once on stderr that it cannot write, without a traceback.

    What would be lost is the log alone: a checkpoint that cannot be written ends the run.
    """
    told = False
    place = getattr(handler, 'baseFilename', 'standard output')

    stream = handler.stream
    if hasattr(stream, 'reconfigure'):
        # A file may have a name that is no text.
        stream.reconfigure(errors='backslashreplace')

    def handle_error(record: logging.LogRecord) -> None:
        nonlocal told
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            logging.StreamHandler.handleError(handler, record)
        elif not told:
            told = True
            with suppress(OSError):
                print(_lost(place, error), file=sys.stderr or sys.stdout)

    handler.handleError = handle_error  # type: ignore[method-assign]


def keep_scalars_whole(visualizer: Visualizer) -> None:
    """Let mmengine's files of scalars hold whole lines, and miss some where the disk is full."""
    for backend in visualizer._vis_backends.values():
        # A visualizer outlives its run.
        if isinstance(backend, LocalVisBackend) and '_dump' not in vars(backend):
            backend._dump = _tolerant(backend._dump)
            backend.add_config = _named(backend, backend.add_config)


def _named(backend: LocalVisBackend, add: Callable[..., None]) -> Callable[..., None]:
    def add_config(*args: Any, **kwargs: Any) -> None:
        with naming(Path(backend._save_dir, Path(backend._config_save_file).name)):
            add(*args, **kwargs)

    return add_config


def _tolerant(dump: Callable[..., None]) -> Callable[..., None]:
    told: set[str] = set()

    def dump_whole(values: dict[str, Any], file_path: str, file_format: str) -> None:
        path = Path(file_path)
        try:
            size = path.stat().st_size if path.exists() else 0
            dump(values, file_path, file_format)
        except OSError as error:
            if path.exists() and path.stat().st_size > size:
                os.truncate(path, size)
            if file_path not in told:
                told.add(file_path)
                print_log(_lost(file_path, error), logger='current', level=logging.WARNING)

    return dump_whole


def _lost(path: str, error: OSError) -> str:
    return (
        f'{path} cannot be written ({error.strerror or error}): the run goes on, and what '
        'belongs there is lost until it can'
    )

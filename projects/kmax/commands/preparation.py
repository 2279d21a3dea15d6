"""What the commands that prepare data sets have in common."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kmax_deeplab.locks import LOCK_NAME, hold, release

from ..panoptic.faults import Fault, FaultKind
from .arguments import add_workers, make_parser
from .progress import show_progress

SHOWN = 20


def preparation_parser(
    description: str | None, prog: str | None, out: str, examples: str
) -> ArgumentParser:
    """Return a parser of ``src``, ``out``, for instance the one given, and ``--workers``."""
    parser = make_parser(description, prog, examples)
    parser.add_argument('src', type=Path, help='folder with the downloads')
    parser.add_argument('out', type=Path, help=f'folder to write, as {out}')
    add_workers(parser)
    return parser


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Keep other processes from writing the data set ``out`` in the block; a ValueError names one.

    The lock lies beside it: what fails before there is a data set leaves no folder, nor one above.
    """
    lock_file = out.absolute().with_name(f'{out.absolute().name}{LOCK_NAME}')
    missing = [folder for folder in lock_file.parents if not folder.exists()]
    hold(out, lock_file)
    try:
        yield
    finally:
        release([lock_file])
        with suppress(OSError):  # The first one with a data set in it ends this.
            for folder in missing:
                folder.rmdir()


def check_split(name: str, cfg: dict, workers: int) -> list[Fault]:
    """Return what would stop a training on a data set of that config: every file is read."""
    from mmdet.registry import DATASETS
    from mmengine.registry import init_default_scope

    from ..inspection.datasets import inspect_dataset

    init_default_scope('mmdet')
    dataset = DATASETS.build({**cfg, 'lazy_init': True, 'pipeline': []})
    report = inspect_dataset(name, dataset, None, workers, show_progress)
    print(f'{name}: {len(report.images)} images')
    return [fault for fault in report.faults if fault.stops_training]


def finish(prog: str, faults: list[Fault], done: str) -> None:
    """Say what is wrong and end with status 1, or say what is done."""
    if not faults:
        print(done)
        return
    for fault in faults[:SHOWN]:
        print(fault.message, file=sys.stderr)
    if len(faults) > SHOWN:
        print(f'and {len(faults) - SHOWN} more', file=sys.stderr)
    if any(fault.kind in (FaultKind.BROKEN_IMAGE, FaultKind.BROKEN_PNG) for fault in faults):
        hint = 'delete what is damaged and start again: what is in an archive is unpacked anew'
        print(hint, file=sys.stderr)
    sys.exit(f'{prog}: error: {len(faults)} files or annotations are faulty')

"""What the commands that prepare data sets have in common."""

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope
from rich.progress import track

from ..inspection.datasets import inspect_dataset
from ..panoptic.faults import Fault, FaultKind

SHOWN = 20


def make_parser(description: str | None, src: str, out: str) -> ArgumentParser:
    """Return a parser of ``src``, ``out`` and ``--workers``."""
    parser = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument('src', type=Path, help=src)
    parser.add_argument('out', type=Path, help=out)
    parser.add_argument('--workers', type=int, default=min(8, os.cpu_count() or 1))
    return parser


def show_progress(items: Iterable[Any], title: str, total: int) -> Iterable[Any]:
    """Show a bar on a terminal, else the title and the time at the end."""
    return track(items, title, total)


def check_split(name: str, cfg: dict, workers: int) -> list[Fault]:
    """Return what would stop a training on a data set: every file is read."""
    init_default_scope('mmdet')
    dataset = DATASETS.build({**cfg, 'lazy_init': True, 'pipeline': []})
    report = inspect_dataset(name, dataset, None, workers, show_progress)
    print(f'{name}: {len(report.images)} images')
    return [fault for fault in report.faults if fault.stops_training]


def finish(faults: list[Fault], done: str) -> None:
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
    sys.exit(f'{Path(sys.argv[0]).name}: error: {len(faults)} files or annotations are faulty')

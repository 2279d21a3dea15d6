"""Look at a config's data sets before training.

Reads every image and annotation of the training and the validation data, lists all faults, at
which a training stops, and warnings, with which it goes on, and writes an HTML report with
pictures. Ends with status 1 where there are faults or warnings.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import (
    add_config,
    add_options_of_config,
    add_workers,
    check_least,
    check_output,
    make_parser,
    read_config,
)
from .progress import show_progress

if TYPE_CHECKING:
    from ..inspection.configs import Inspection
    from ..panoptic.faults import FaultKind

SHOWN = 10

EXAMPLES = """
kmax-deeplab check mine.py
kmax-deeplab check kmax_nano_shapes-panoptic --num-pictures 20
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    add_config(parser)
    parser.add_argument(
        '--out',
        type=Path,
        help='file of the report (default: work_dirs/NAME OF CONFIG/dataset_report.html)',
    )
    parser.add_argument(
        '--num-pictures', type=int, default=8, help='pictures of each data set (default: 8)'
    )
    add_workers(parser)
    add_options_of_config(parser)
    args = parser.parse_args(argv)
    check_least(parser, args, num_pictures=0, workers=1)
    if args.out is None:
        args.out = Path('work_dirs') / Path(args.config).stem / 'dataset_report.html'
    check_output(parser, '--out', args.out)
    return args


def print_summary(inspection: 'Inspection') -> None:
    """Print what is in the data sets and what is wrong with them."""
    from ..inspection.report import group_faults, summarise

    for report in inspection.datasets:
        print(f'\n{report.name}')
        for name, value in summarise(report).items():
            print(f'  {name:<22}{value}')
    findings = group_faults(inspection.faults)
    print_groups('FAULTS: training stops at the first that it meets', findings.faults)
    print_groups('WARNINGS: training goes on', findings.warnings)
    print(f'\n{findings.count()}')


def print_groups(
    title: str, groups: 'list[tuple[FaultKind, list[str]]]', most: int | None = SHOWN
) -> None:
    """Print the first messages of each kind, or all, below a title, if there are any."""
    if groups:
        print(f'\n{title}')
    for kind, messages in groups:
        print(f'\n{kind.value}: {len(messages)}')
        print(*(f'  {message}' for message in messages[:most]), sep='\n')
        if most is not None and len(messages) > most:
            print(f'  and {len(messages) - most} more')


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Inspect as the command line says."""
    args = parse_args(argv, prog)
    from mmengine.registry import init_default_scope

    from ..inspection.configs import inspect_config
    from ..inspection.report import write_report

    cfg = read_config(args)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    inspection = inspect_config(cfg, args.workers, show_progress)
    print_summary(inspection)
    write_report(args.out, Path(args.config).name, inspection, args.num_pictures)
    print(f'report: {args.out}')
    return 1 if inspection.faults else 0

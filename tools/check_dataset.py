"""Look at a config's data sets before training: ``python tools/check_dataset.py CONFIG``.

Reads every image and annotation of the training and the validation data, lists all faults, at
which a training stops, and warnings, with which it goes on, and writes an HTML report with
pictures. Ends with status 1 where there are faults or warnings.
"""

import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import projects.kmax  # noqa: F401, E402, I001  (before anything of mmdet)
from mmengine.config import Config, DictAction  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from rich.progress import track  # noqa: E402

from projects.kmax.engine.settings import check_settings  # noqa: E402
from projects.kmax.commands.arguments import existing_file  # noqa: E402
from projects.kmax.faults import FaultKind  # noqa: E402
from projects.kmax.inspection.configs import Inspection, inspect_config  # noqa: E402
from projects.kmax.inspection.report import group_faults, summarise, write_report  # noqa: E402

SHOWN = 10


def parse_args() -> Namespace:
    """Parse the command line."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument('config', type=existing_file, help='config file of the model')
    parser.add_argument(
        '--out',
        type=Path,
        help='file of the report (default: work_dirs/NAME OF CONFIG/dataset_report.html)',
    )
    parser.add_argument(
        '--num-pictures', type=int, default=8, help='pictures of each data set (default: 8)'
    )
    parser.add_argument('--workers', type=int, default=min(8, os.cpu_count() or 1))
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='override settings of the config'
    )
    args = parser.parse_args()
    for name, least in dict(num_pictures=0, workers=1).items():
        if getattr(args, name) < least:
            option = name.replace('_', '-')
            parser.error(f'--{option} must be at least {least}, got {getattr(args, name)}')
    if args.out is None:
        args.out = Path('work_dirs') / Path(args.config).stem / 'dataset_report.html'
    if args.out.is_dir():
        parser.error(f'--out: {args.out} is a folder; name the HTML file to write')
    return args


def print_summary(inspection: Inspection) -> None:
    """Print what is in the data sets and what is wrong with them."""
    for report in inspection.datasets:
        print(f'\n{report.name}')
        for name, value in summarise(report).items():
            print(f'  {name:<22}{value}')
    findings = group_faults(inspection.faults)
    print_groups('FAULTS: training stops at the first that it meets', findings.faults)
    print_groups('WARNINGS: training goes on', findings.warnings)
    print(f'\n{findings.count()}')


def print_groups(title: str, groups: list[tuple[FaultKind, list[str]]]) -> None:
    """Print the first messages of each kind below a title, if there are any."""
    if groups:
        print(f'\n{title}')
    for kind, messages in groups:
        print(f'\n{kind.value}: {len(messages)}')
        print(*(f'  {message}' for message in messages[:SHOWN]), sep='\n')
        if len(messages) > SHOWN:
            print(f'  and {len(messages) - SHOWN} more')


def main() -> None:
    """Inspect as the command line says."""
    args = parse_args()
    cfg = Config.fromfile(args.config)
    own_names = list(cfg)
    cfg.merge_from_dict(args.cfg_options or {})
    check_settings(cfg, own_names, args.cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    try:
        inspection = inspect_config(
            cfg, args.workers, lambda items, title, total: track(items, title, total)
        )
        print_summary(inspection)
        write_report(args.out, Path(args.config).name, inspection, args.num_pictures)
    except (OSError, ValueError) as error:
        sys.exit(f'{Path(sys.argv[0]).name}: error: {error}')
    print(f'report: {args.out}')
    sys.exit(1 if inspection.faults else 0)


if __name__ == '__main__':
    main()

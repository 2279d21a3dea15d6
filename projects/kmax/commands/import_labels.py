"""Import labels of another format: ``to_panoptic.py KIND SRC... OUT``.

Writes a data set in COCO's panoptic format to the folder OUT, as docs/custom_dataset.md has it. The
formats KIND, and what is SRC of each:

KINDS
All labels are looked at before anything is written; all faults are listed. Started again after an
interruption, it goes on where it stopped. docs/importing.md tells more.
"""

import re
import shlex
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kmax_deeplab.cli import COMMAND

from ..importing.kinds import KINDS, opener_of
from .arguments import add_workers, check_least, existing_file, make_parser
from .check import print_groups
from .preparation import held
from .progress import show_progress

EXAMPLES = r"""
kmax-deeplab import instances instances.json data/mine --image-dir photos
kmax-deeplab import instances instances.json data/mine_copied --image-dir photos \
    --split 0.2 --images copy   # a fifth for validation, and no links
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    kinds = ''.join(f'    {name:<14}{kind.sources}\n' for name, kind in KINDS.items())
    parser = make_parser((__doc__ or '').replace('KINDS\n', f'{kinds}\n'), prog, EXAMPLES)
    parser.add_argument('kind', choices=KINDS, metavar='KIND', help='format of the labels')
    parser.add_argument('src', nargs='+', type=Path, metavar='SRC', help='what is read')
    parser.add_argument('out', type=Path, metavar='OUT', help='folder to write')
    parser.add_argument('--image-dir', type=Path, metavar='DIR', help='folder of the images')
    parser.add_argument(
        '--val', nargs='+', type=Path, metavar='SRC', help='the same for validation, not split off'
    )
    parser.add_argument(
        '--val-image-dir', type=Path, metavar='DIR', help='folder of its images, if another'
    )
    parser.add_argument(
        '--split',
        type=share,
        help='share of the images that is for validation (default: 0.1; without --val)',
    )
    parser.add_argument('--seed', type=int, default=0, help='another one chooses other images')
    parser.add_argument(
        '--group-by',
        type=pattern,
        metavar='REGEX',
        help='keep images together in whose file names it finds the same, such as frames of a '
        r'video: "^(\w+)_\d+"; what its first parenthesis matches, or all of it',
    )
    _add_labels(parser)
    parser.add_argument(
        '--images', choices=['link', 'copy'], default='link', help='(default: link)'
    )
    add_workers(parser)
    args = parser.parse_args(argv)
    check_least(parser, args, workers=1)
    _check(parser, args)
    return args


def _add_labels(parser: ArgumentParser) -> None:
    parser.add_argument(
        '--classes',
        type=existing_file,
        metavar='YAML',
        help='the classes, as in the OUT/classes.yaml that is written; one that is there is read',
    )
    parser.add_argument(
        '--things', type=names, metavar='A,B', help='labels of things, if the format tells none'
    )
    parser.add_argument(
        '--ignore', type=names, metavar='A,B', help='labels that become void (default: 255)'
    )
    parser.add_argument(
        '--overlap',
        choices=['smallest', 'largest', 'last', 'error'],
        default='smallest',
        help='whose pixels are where objects overlap: those of the smaller, of the larger, of that '
        'which the format has last; or a fault (default: smallest)',
    )
    parser.add_argument(
        '--divisor', type=int, metavar='N', help='of masks: pixels are class * N + instance'
    )


def share(text: str) -> float:
    """Read a share below 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < 1:
        raise ArgumentTypeError(f'must be from 0 to less than 1, such as 0.1, not {text!r}')
    return value


def pattern(text: str) -> str:
    """Check a regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        raise ArgumentTypeError(f'{text!r} is no regular expression: {error}') from error
    return text


def names(text: str) -> list[str]:
    """Read names between commas."""
    return [name.strip() for name in text.split(',') if name.strip()]


def _check(parser: ArgumentParser, args: Namespace) -> None:
    """Refuse what does not go together, before anything is read."""
    kind = KINDS[args.kind]
    for option, paths in (('SRC', args.src), ('--val', args.val)):
        if paths is not None and not kind.least <= len(paths) <= kind.most:
            parser.error(f'{option} of {args.kind} must be: {kind.sources}; got {len(paths)}')
        for path in paths or []:
            if not path.exists():
                parser.error(f'{option}: {path} does not exist')
            if path.is_dir() and _is_in(args.out, path):
                parser.error(f'OUT: {args.out} is in {path}, which is read: give another')
    if kind.needs_images and args.image_dir is None:
        parser.error(f'{args.kind} needs --image-dir, the folder of the images')
    for option, folder in (('image-dir', args.image_dir), ('val-image-dir', args.val_image_dir)):
        if folder is not None and not folder.is_dir():
            parser.error(f'--{option}: {folder} is no folder')
        if folder is not None and kind.lists_images and _is_in(args.out, folder):
            parser.error(f'OUT: {args.out} is in the folder of the images, {folder}: give another')
    if args.val is None and args.val_image_dir is not None:
        parser.error('--val-image-dir needs --val')
    if args.val is not None and (args.split is not None or args.group_by is not None):
        parser.error('--val is not split: leave out --split and --group-by')
    if args.divisor is not None and (args.kind != 'masks' or args.divisor < 2):
        parser.error('--divisor is for masks, and a number from 2 on')
    if args.out.exists() and not args.out.is_dir():
        parser.error(f'OUT: {args.out} is no folder')


def _is_in(out: Path, folder: Path) -> bool:
    return out.resolve().is_relative_to(folder.resolve())


def _read_from(args: Namespace) -> dict[str, Any]:
    """Return where each split is read from."""
    from ..importing.plan import TRAIN, VAL
    from ..importing.source import Reading

    readings = {TRAIN: Reading(args.src, args.image_dir, args.divisor)}
    if args.val is not None:
        folder = args.val_image_dir or args.image_dir
        readings[VAL] = Reading(args.val, folder, args.divisor)
    return readings


def _options(args: Namespace) -> Any:
    from ..importing.plan import Options

    return Options(
        things=args.things,
        ignore=args.ignore,
        classes=None if args.classes is None else Path(args.classes),
        overlap=args.overlap,
        share=0.1 if args.split is None else args.split,
        seed=args.seed,
        group_by=args.group_by,
        images=args.images,
    )


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Import as the command line says."""
    args = parse_args(argv, prog)
    from ..importing.plan import FaultyLabelsError, make_plan
    from ..importing.writing import write_dataset

    options, readings = _options(args), _read_from(args)
    with held(args.out):
        try:
            plan = make_plan(
                opener_of(args.kind), readings, args.out, options, args.workers, show_progress
            )
        except FaultyLabelsError as error:
            from ..inspection.report import group_faults

            print_groups('FAULTS', group_faults(error.faults).faults, most=None)
            sys.stdout.flush()
            raise
        settings = _settings(args, readings, options, plan)
        summary = write_dataset(
            plan, args.out, settings, args.overlap, args.images, args.workers, show_progress
        )
    print_outcome(args.out, summary, plan.notes)
    return 0


def _settings(args: Namespace, readings: dict[str, Any], options: Any, plan: Any) -> dict[str, Any]:
    """Return what the data set depends on: a run with other settings may not go on with it."""
    from ..importing.writing import describe_inputs, digest

    inputs = {split: describe_inputs(reading.paths) for split, reading in readings.items()}
    chosen = {name: value for name, value in asdict(options).items() if name != 'classes'}
    listed = '/'.join(f'{each.split}:{each.image.name}' for each in plan.items)
    return dict(
        kind=args.kind,
        sources=inputs,
        image_dirs=[str(r.image_dir) for r in readings.values()],
        divisor=args.divisor,
        # For the message where it differs: who edits the file does not know of digests.
        classes=f'classes.yaml of contents {digest(repr(plan.classes))}',
        images_listed=f'{len(plan.items)}, {digest(listed)}',
        **{name: value for name, value in chosen.items() if name not in ('things', 'ignore')},
    )


def print_outcome(out: Path, summary: dict[str, Any], notes: Sequence[str]) -> None:
    """Say what was made, what was left out and why, and what comes next."""
    for split, counts in summary['counts'].items():
        kinds = ', '.join(f'{counts[name]} {name}' for name in ('things', 'stuff', 'crowd'))
        print(f'{split}: {counts["images"]} images, segments: {kinds}')
    print(f'written to {out}: images, panoptic PNGs and JSON; classes in {out / "classes.yaml"}')
    for reason, count in summary['left_out'].items():
        print(f'left out: {count} {reason}')
    for note in notes:
        print(f'note: {note}')
    name = shlex.quote(out.absolute().name)
    print(f'next: {COMMAND} init {name} --data {shlex.quote(str(out))}')
    print(f'then: {COMMAND} check {name}.py')

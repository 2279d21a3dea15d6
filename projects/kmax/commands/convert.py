"""Convert a released checkpoint.

Formats:

* ``deeplab2``: a TensorFlow checkpoint of the original, of segmentation or ImageNet weights: a
  prefix, a folder, or the downloaded ``.tar.gz``. It needs ``pip install tensorflow-cpu``.
* ``port``: a ``.pth`` or detectron2 ``.pkl`` of the public PyTorch port, for the configs
  ``kmax_*-port_*``.
* ``torchvision``, ``timm``, ``convnext``: ImageNet weights of ResNet or ConvNeXt from these
  projects, the last being ConvNeXt's own repository; without their classifier.

Of segmentation, DST is taken by ``init_detector``, ``DetInferencer``, ``tools/test.py`` and
``load_from``. ImageNet weights start a training, by one of

    load_from = 'DST'
    model = dict(backbone=dict(init_cfg=dict(_delete_=True, type='Pretrained', checkpoint='DST',
                                             prefix='backbone.')))
"""

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import config_file, make_parser
from .progress import show_progress

if TYPE_CHECKING:
    from ..converters import Conversion

FORMATS = ('deeplab2', 'port', 'torchvision', 'timm', 'convnext')
"""Names of ``converters.FORMATS``."""

EXAMPLES = r"""
kmax-deeplab convert deeplab2 kmax_resnet50_coco_train.tar.gz r50.pth \
    --config kmax_r50_8xb8-150k_coco-panoptic
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    parser.add_argument('format', choices=FORMATS, help='where the checkpoint comes from')
    parser.add_argument('src', type=Path, help='the checkpoint')
    parser.add_argument('dst', type=Path, help='file to write, .pth')
    parser.add_argument(
        '--config', required=True, type=config_file, help='config of the same model'
    )
    parser.add_argument(
        '--verbose', action='store_true', help='list every tensor, in the summary and in errors'
    )
    args = parser.parse_args(argv)
    if args.dst.is_dir() or not args.dst.parent.is_dir():
        parser.error(f'{args.dst} must be a file in a folder that exists')
    if is_of_source(args.dst.resolve(), args.src.resolve()):
        parser.error(f'{args.dst} would replace files of the checkpoint {args.src}')
    return args


def is_of_source(dst: Path, src: Path) -> bool:
    """Return whether a file to write is a checkpoint or would pass for one of its files."""
    from ..converters.tensorflow_checkpoint import without_ending

    if src.is_dir():
        return src in dst.parents and (dst.name == 'checkpoint' or without_ending(dst) != dst)
    return without_ending(dst) == without_ending(src)


def track(tasks: list[Any]) -> Iterable[Any]:
    """Show the progress of a list of tasks."""
    return show_progress(tasks, 'converting', len(tasks))


def account(reasons: dict[str, str], shown: int | None) -> Iterator[str]:
    """Yield for each reason how many tensors there are, and the first or all."""
    from ..converters.conversion import shorten

    for reason, items in groupby(sorted(reasons.items(), key=lambda x: x[1]), lambda x: x[1]):
        names = [name for name, _ in items]
        yield f'  {len(names)}: {reason}: {shorten(names, shown)}'


def report(args: Namespace, result: 'Conversion') -> Iterable[str]:
    """Yield the lines of the summary."""
    from ..converters.conversion import SHOWN

    plan = result.plan
    shown = None if args.verbose else SHOWN
    yield f'used        {len(plan.targets)} of {len(plan.targets) + len(plan.left_out)} tensors'
    if args.verbose:
        yield from (f'  {source} -> {name}' for source, name in plan.targets.items())
    yield f'left out    {len(plan.left_out)}'
    yield from account(plan.left_out, shown)
    counters = len(result.state) - len(plan.targets)
    yield f'filled      {len(plan.targets)} weights; {counters} counters of batch norms start at 0'
    yield f'not filled  {len(result.not_filled)}'
    yield from account(result.not_filled, shown)
    yield f'written     {args.dst} ({args.dst.stat().st_size / 2**20:.1f} MiB)'
    if result.not_filled:
        yield f"use it as   load_from = '{args.dst}', or as --help says"


def run(args: Namespace) -> 'Conversion':
    """Convert as the command line says."""
    from ..converters.conversion import SHOWN
    from ..converters.files import convert_file
    from .config_file import read_checked_file, require

    config = read_checked_file(args.config)
    require(config, 'model')
    return convert_file(
        args.format,
        args.src,
        args.dst,
        config,
        args.config,
        track=track,
        say=partial(print, flush=True),
        warn=lambda text: print(f'warning: {text}', file=sys.stderr),
        shown=None if args.verbose else SHOWN,
    )


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    args = parse_args(argv, prog)
    result = run(args)
    print('\n'.join(report(args, result)))

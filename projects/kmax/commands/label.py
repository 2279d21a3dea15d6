"""Label images with a model: ``python tools/pseudo_label.py CONFIG CKPT IMAGES OUT``.

Writes COCO panoptic annotations of the images in the folder IMAGES: ``OUT.json`` and PNGs in the
folder ``OUT``, for instance with OUT = data/coco/annotations/panoptic_unlabeled2017. Unsure
segments become void, images of mostly void are left out. Started again after an interruption, it
goes on where it stopped. ``OUT.json`` appears when all is done. Several processes share the work
with ``--shard``. The status is 1 where images could not be read.
"""

import re
import warnings
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..pseudo_labels.thresholds import Selection
from .arguments import (
    add_config,
    add_device,
    add_options_of_config,
    check_least,
    existing_file,
    make_parser,
    read_config,
)
from .progress import show_progress

if TYPE_CHECKING:
    from ..pseudo_labels.shards import Shard

ONLY_PANOPTIC = {
    'model.test_cfg.panoptic_on': True,
    'model.test_cfg.semantic_on': False,
    'model.test_cfg.instance_on': False,
}


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog)
    add_config(parser)
    parser.add_argument('checkpoint', type=existing_file, help='its weights')
    parser.add_argument('images', type=Path, help='folder of the images')
    parser.add_argument('out', type=Path, help='folder of the PNGs to write')
    parser.add_argument(
        '--min-score',
        type=float,
        default=Selection.min_score,
        help='lowest score of a segment (default: %(default)s)',
    )
    parser.add_argument(
        '--min-area',
        type=int,
        default=Selection.min_area,
        help='fewest pixels of a segment (default: %(default)s)',
    )
    parser.add_argument(
        '--min-labelled',
        type=float,
        default=Selection.min_labelled,
        help='least share of an image that segments must cover (default: %(default)s)',
    )
    parser.add_argument('--workers', type=int, default=2, help='processes that read images')
    parser.add_argument(
        '--shard',
        type=parse_shard,
        metavar='I/N',
        help='label only every N-th image from the I-th on (the first is 0), as one of N processes '
        'on as many GPUs or machines; then run without it to write the JSON',
    )
    add_device(parser)
    add_options_of_config(parser)
    args = parser.parse_args(argv)
    for name in ('min_score', 'min_labelled'):
        if not 0 <= getattr(args, name) <= 1:
            option = name.replace('_', '-')
            parser.error(f'--{option} must be between 0 and 1, got {getattr(args, name)}')
    check_least(parser, args, min_area=0, workers=0)
    if args.out.is_file() or args.out.suffix == '.json':
        parser.error(f'{args.out} must be a folder; the JSON is written beside it')
    return args


def parse_shard(text: str) -> 'Shard':
    """Read ``I/N``."""
    match = re.fullmatch(r'(\d+)/(\d+)', text)
    if match is None or int(match[1]) >= int(match[2]):
        raise ArgumentTypeError(f'must be I/N with I from 0 to N - 1, such as 0/4, not {text!r}')
    return int(match[1]), int(match[2])


def describe_weights(path: str) -> str:
    """Return what tells a checkpoint from another: its name, its size and when it was written."""
    if not Path(path).is_file():
        return path
    status = Path(path).stat()
    return f'{Path(path).absolute()}, {status.st_size} bytes of {status.st_mtime_ns}'


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Label as the command line says; the status is 1 where images could not be read."""
    args = parse_args(argv, prog)
    from mmdet.apis import init_detector

    from ..pseudo_labels.labelling import label_images
    from ..runtime.malloc import keep_freed_memory

    keep_freed_memory()
    cfg = read_config(args, 'model', 'test_dataloader.dataset')
    with warnings.catch_warnings():
        # Refused below.
        warnings.filterwarnings('ignore', 'neither the checkpoint nor')
        options = dict(ONLY_PANOPTIC)
        model = init_detector(cfg, args.checkpoint, device=args.device, cfg_options=options)
    counts, finished = label_images(
        model,
        args.images,
        args.out,
        Selection(args.min_score, args.min_area, args.min_labelled),
        describe_weights(args.checkpoint),
        args.workers,
        show_progress,
        args.shard,
    )
    place = f'{args.out}.json' if finished else 'this shard'
    if finished and args.shard is not None:
        print(f'{place} is already there and whole: a shard has nothing left to do')
    print(
        f'{counts["labelled"]} images are labelled in {place}, {counts["unsure"]} left out as '
        f'unsure, {counts["unreadable"]} could not be read (named in the "info" of the JSON)'
    )
    if not finished:
        print(f'when all shards are done, run without --shard to write {args.out}.json')
    return 1 if counts['unreadable'] else 0

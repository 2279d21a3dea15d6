"""Label images with a model: ``python tools/pseudo_label.py CONFIG CKPT IMAGES OUT``.

Writes COCO panoptic annotations of the images in the folder IMAGES: ``OUT.json`` and PNGs in the
folder ``OUT``, for instance with OUT = data/coco/annotations/panoptic_unlabeled2017. Unsure
segments become void, images of mostly void are left out. Started again after an interruption, it
goes on where it stopped. ``OUT.json`` appears when all is done. Several processes share the work
with ``--shard``, or under ``tools/dist_run.sh``. The status is 1 where images could not be read.
"""

import os
import re
import warnings
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

EXAMPLES = r"""
kmax-deeplab label kmax_nano_shapes-panoptic \
    work_dirs/kmax_nano_shapes-panoptic/iter_2000.pth data/shapes/val work_dirs/labels
kmax-deeplab label kmax_nano_shapes-panoptic \
    work_dirs/kmax_nano_shapes-panoptic/iter_2000.pth data/shapes/val work_dirs/sure_labels \
    --min-score 0.8
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
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
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch'],
        default='none',
        help='whether tools/dist_run.sh or torchrun started this process: all of them share the '
        'images, and the first writes the JSON',
    )
    add_device(parser)
    add_options_of_config(parser)
    args = parser.parse_args(argv)
    if args.launcher != 'none' and args.shard is not None:
        parser.error('--launcher shares the images by itself and excludes --shard')
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
    if args.launcher == 'none':
        return label(args, args.shard)
    from mmengine.dist import barrier, get_dist_info

    from ..runtime.machine import leave_group, meet

    # One may wait for another that has larger images, or reads them more slowly.
    meet(args.launcher, timeout=timedelta(days=7))
    rank, count = get_dist_info()
    label(args, (rank, count))
    barrier()
    status = label(args, None) if rank == 0 else 0
    leave_group()
    return status


def label(args: Namespace, shard: 'Shard | None') -> int:
    """Label a shard of the images, or what is left of all and write the JSON.

    Returns:
        The status: 1 where images could not be read.
    """
    from ..pseudo_labels.labelling import label_images
    from ..runtime.malloc import keep_freed_memory

    keep_freed_memory()
    counts, finished = label_images(
        load_model(args),
        args.images,
        args.out,
        Selection(args.min_score, args.min_area, args.min_labelled),
        describe_weights(args.checkpoint),
        args.workers,
        show_progress,
        shard,
    )
    if args.launcher == 'none' or shard is None:
        report(args, shard, counts, finished)
    return 1 if counts['unreadable'] else 0


def load_model(args: Namespace) -> Any:
    """Build the model that the command line names, on its device or that of its process."""
    import torch
    from mmdet.apis import init_detector

    cfg = read_config(args, 'model', 'test_dataloader.dataset')
    if args.launcher != 'none' and args.device == 'cuda':
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
    with warnings.catch_warnings():
        # Refused below.
        warnings.filterwarnings('ignore', 'neither the checkpoint nor')
        options = dict(ONLY_PANOPTIC)
        return init_detector(cfg, args.checkpoint, device=args.device, cfg_options=options)


def report(args: Namespace, shard: 'Shard | None', counts: dict[str, int], finished: bool) -> None:
    """Print how many images were labelled, and what is left to do."""
    place = f'{args.out}.json' if finished else 'this shard'
    if finished and shard is not None:
        print(f'{place} is already there and whole: a shard has nothing left to do')
    print(
        f'{counts["labelled"]} images are labelled in {place}, {counts["unsure"]} left out as '
        f'unsure, {counts["unreadable"]} could not be read (named in the "info" of the JSON)'
    )
    if not finished:
        print(f'when all shards are done, run without --shard to write {args.out}.json')

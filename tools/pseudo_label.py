"""Label images with a model: ``python tools/pseudo_label.py CONFIG CKPT IMAGES OUT``.

Writes COCO panoptic annotations of the images in the folder IMAGES: ``OUT.json`` and PNGs in the
folder ``OUT``, for instance with OUT = data/coco/annotations/panoptic_unlabeled2017. Unsure
segments become void, images of mostly void are left out. Started again after an interruption, it
goes on where it stopped. ``OUT.json`` appears when all is done. Several processes share the work
with ``--shard``.
"""

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import projects.kmax  # noqa: F401, E402, I001  (before anything of mmdet)
from mmdet.apis import init_detector  # noqa: E402
from mmengine.config import DictAction  # noqa: E402
from mmengine.device import get_device  # noqa: E402

from projects.kmax.commands.arguments import existing_file  # noqa: E402
from projects.kmax.dataset_preparation.command import show_progress  # noqa: E402
from projects.kmax.engine.weights import check_weights, read_weights  # noqa: E402
from projects.kmax.pseudo_labels import Selection, Shard, label_images  # noqa: E402

ONLY_PANOPTIC = {
    'model.test_cfg.panoptic_on': True,
    'model.test_cfg.semantic_on': False,
    'model.test_cfg.instance_on': False,
}


def parse_args() -> Namespace:
    """Parse the command line."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument('config', type=existing_file, help='config file of the model')
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
    parser.add_argument('--device', default=get_device(), help='default: a GPU where there is one')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='override settings of the config'
    )
    args = parser.parse_args()
    for name in ('min_score', 'min_labelled'):
        if not 0 <= getattr(args, name) <= 1:
            option = name.replace('_', '-')
            parser.error(f'--{option} must be between 0 and 1, got {getattr(args, name)}')
    if args.out.is_file() or args.out.suffix == '.json':
        parser.error(f'{args.out} must be a folder; the JSON is written beside it')
    return args


def parse_shard(text: str) -> Shard:
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


def main() -> None:
    """Label as the command line says."""
    args = parse_args()
    try:
        weights = read_weights(args.checkpoint)
        options = {**(args.cfg_options or {}), **ONLY_PANOPTIC}
        model = init_detector(args.config, args.checkpoint, device=args.device, cfg_options=options)
        check_weights(model, weights, args.checkpoint)
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
    except (OSError, ValueError) as error:
        sys.exit(f'{Path(sys.argv[0]).name}: error: {error}')
    place = f'{args.out}.json' if finished else 'this shard'
    if finished and args.shard is not None:
        print(f'{place} is already there and whole: a shard has nothing left to do')
    print(
        f'{counts["labelled"]} images are labelled in {place}, {counts["unsure"]} left out as '
        f'unsure, {counts["unreadable"]} could not be read (named in the "info" of the JSON)'
    )
    if not finished:
        print(f'when all shards are done, run without --shard to write {args.out}.json')


if __name__ == '__main__':
    main()

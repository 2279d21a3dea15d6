"""Find the segments of images and videos: ``python tools/predict.py IMAGES... --out DIR``.

IMAGES are files, addresses, folders, or patterns as "street/*.jpg". DIR gets, as --write says,

* ``overlay/NAME.jpg``: the segments over the image, with their names;
* ``panoptic/NAME.png`` and ``panoptic.json``: COCO's panoptic format;
* ``side_by_side/NAME.jpg``: image and segments;
* ``clusters/NAME.jpg``: the k-means assignment of each decoder layer.

Of a video each frame is predicted by itself: ``video/NAME.mp4``; of an animated image the first.
--model may be an exported file, MODEL.onnx, which runs without torch: its thresholds are those that
it was exported with, and it tells no clusters. The status is 1 where some of the inputs could not
be predicted, which are named at the end, and 2 where none could.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kmax_deeplab.errors import one_line

from .arguments import (
    add_any_device,
    add_compile,
    add_engine,
    add_model,
    check_engine,
    check_output,
    is_exported,
    load_exported,
    locate,
    make_parser,
)
from .progress import show_progress

if TYPE_CHECKING:
    from ..apis.segmenter import Segmenter

KINDS = ('overlay', 'coco', 'side-by-side', 'clusters')
"""Those of ``apis.outputs``."""

SMALLEST_TILE = 64

EXAMPLES = """
kmax-deeplab predict street.jpg --model kmax_r50_coco --out out
kmax-deeplab predict photos drive.mp4 --model kmax_r50_coco --out out   # a folder, a video
kmax-deeplab predict street.jpg --model model.onnx --out out            # without torch
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    parser.add_argument('images', nargs='+', metavar='IMAGES', help='what to look at')
    parser.add_argument('--out', required=True, type=Path, metavar='DIR', help='folder to write to')
    add_model(parser, exported=True)
    parser.add_argument(
        '--write',
        nargs='+',
        choices=KINDS,
        default=list(KINDS[:2]),
        help='what to write of each image (default: overlay coco)',
    )
    parser.add_argument(
        '--resume', action='store_true', help='go on where a former run into DIR stopped'
    )
    parser.add_argument(
        '--tile',
        nargs='?',
        type=_tile_size,
        const=0,
        metavar='PIXELS',
        help='predict larger images in tiles of that side, and join segments across them (without '
        "a number: the side of the network's input)",
    )
    parser.add_argument(
        '--threshold',
        nargs='+',
        type=_threshold,
        default=[],
        metavar='NAME=VALUE',
        help='instead of a field of test_cfg, such as class_threshold_thing=0.5',
    )
    parser.add_argument('--amp', action='store_true', help='compute in lower precision')
    add_compile(parser)
    add_engine(parser)
    add_any_device(parser)
    args = parser.parse_args(argv)
    check_engine(parser, args, args.model, 'weights', 'mirror', 'threshold', 'amp', 'compile')
    if is_exported(args.model):
        _check_exported(parser, args)
    if args.tile is not None and 'clusters' in args.write:
        parser.error('--tile cannot be used with --write clusters: each tile has its own')
    if args.out.exists() and not args.out.is_dir():
        parser.error(f'--out: {args.out} is a file; name a folder')
    check_output(parser, '--out', args.out / 'panoptic.json')
    return args


def _check_exported(parser: ArgumentParser, args: Namespace) -> None:
    if 'clusters' in args.write:
        parser.error('--write clusters is for networks: an exported file gives only segments')
    address = next((place for place in args.images if '://' in place), None)
    if address is not None:
        parser.error(f'{address} is an address, and an exported file is given files: download it')


def _tile_size(text: str) -> int:
    if not text.isdecimal() or int(text) < SMALLEST_TILE:
        raise ArgumentTypeError(f'must be a number of pixels from {SMALLEST_TILE} on, not {text!r}')
    return int(text)


def _threshold(text: str) -> tuple[str, Any]:
    name, _, value = text.partition('=')
    if name == 'postprocess':
        return name, value
    try:
        number = int(value) if value.lstrip('-').isdecimal() else float(value)
    except ValueError:
        number = None
    if not name or number is None:
        raise ArgumentTypeError(f'{text!r} is not NAME=VALUE with a number')
    return name, number


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Predict as the command line says; the status is 1 where inputs could not be read."""
    args = parse_args(argv, prog)
    from ..apis.prediction import begin, forget, plan, predict_files

    tasks, faults = plan(args.images, args.out, args.write)
    video = next((task.place for task in tasks if task.is_video), None)
    if args.tile is not None and video is not None:
        raise ValueError(f'--tile is for images, and {video} is a video: predict it apart')
    inferencer, model = _load(args)
    tile_size = _side(args.tile, inferencer)
    settings = dict(model, write=args.write, tile=tile_size)
    was_there = args.out.exists()
    with begin(args.out, tasks, settings, args.resume) as journal:
        summary = predict_files(inferencer, tasks, args.out, journal, tile_size, show_progress)
    if not journal.entries:
        forget(args.out, was_there)
    summary.faults += faults
    for remark in summary.remarks:
        print(f'{args.prog}: warning: {remark}', file=sys.stderr)
    for fault in summary.faults:
        print(f'{args.prog}: error: {one_line(fault)}', file=sys.stderr)
    print(_describe(summary, args.out))
    done = summary.images + summary.videos
    return 0 if not summary.faults else 1 if done else 2


def _load(args: Namespace) -> tuple['Segmenter', dict[str, Any]]:
    """Return what finds the segments, and what tells its results from those of others."""
    from .label import describe_weights

    if is_exported(args.model):
        model = load_exported(args, args.model)
        described = dict(config=None, weights=describe_weights(model.file))
        return model, dict(described, engine=model.engine.name)
    from ..apis import KMaXInferencer
    from ..runtime.malloc import keep_freed_memory

    keep_freed_memory()
    config, weights = locate(args)
    thresholds = dict(args.threshold)
    inferencer = KMaXInferencer(
        config, weights, args.device, amp=args.amp, compile=args.compile, **thresholds
    )
    described = dict(config=Path(config).name, weights=describe_weights(weights))
    return inferencer, dict(described, amp=args.amp, thresholds=thresholds)


def _side(tile: int | None, inferencer: Any) -> int | None:
    if tile != 0:
        return tile
    side = inferencer.input_side()
    if side is None:
        raise ValueError('this model takes images of any size: give --tile a number of pixels')
    return side


def _describe(summary: Any, folder: Path) -> str:
    parts = [f'{summary.images} image{"s" if summary.images != 1 else ""}']
    if summary.videos:
        count = f'{summary.videos} video{"s" if summary.videos != 1 else ""}'
        parts.append(f'{count} (each frame by itself)')
    text = f'{" and ".join(parts)} predicted in {folder}'
    if summary.faults:
        text += f', {len(summary.faults)} could not be'
    return text

"""Measure a model's speed and memory.

Beside it, in the same process and in turns, another panoptic model of mmdet with ``--peer``. Random
weights do where no checkpoint is given; the segments that are merged are drawn in any case.

With ``--engines`` the model runs in PyTorch and as an exported file instead, in turns, from image
files to maps of their size, which are compared; see docs/deployment.md.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..benchmark.conditions import DTYPES, ENGINES, Conditions
from .arguments import (
    add_compile,
    add_config,
    add_device,
    add_input_size,
    add_options_of_config,
    check_input_size,
    check_least,
    check_output,
    config_file,
    existing_file,
    make_parser,
    read_config,
)
from .stopping import cleaning_up

if TYPE_CHECKING:
    from mmengine.config import Config

PICTURES = ('.png', '.svg', '.pdf')

MOST_IMAGES = 20
"""Images of a folder that engines are compared on."""

NOT_OF_ENGINES = (
    *('peer', 'output_size', 'batch', 'segments', 'dtype', 'fuse', 'compile', 'train'),
    *('end_to_end', 'picture'),
)
"""Options that say what --engines measures otherwise."""

EXAMPLES = r"""
kmax-deeplab benchmark kmax_nano_shapes-panoptic
kmax-deeplab benchmark kmax_nano_shapes-panoptic --train   # steps of a training
kmax-deeplab benchmark kmax_nano_shapes-panoptic \
    --weights work_dirs/kmax_nano_shapes-panoptic/iter_2000.pth \
    --engines eager onnxruntime --images data/shapes/val --runs 2
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    add_config(parser)
    parser.add_argument('--weights', type=existing_file, metavar='FILE', help='its checkpoint')
    parser.add_argument(
        '--peer',
        type=peer_config,
        metavar='CONFIG',
        help='config of another panoptic model, as a path, a name, or mmdet::NAME',
    )
    parser.add_argument(
        '--peer-weights', type=existing_file, metavar='FILE', help="the peer's checkpoint"
    )
    add_input_size(parser)
    parser.add_argument(
        '--output-size',
        nargs=2,
        type=int,
        metavar=('HEIGHT', 'WIDTH'),
        default=Conditions.output,
        help='size of the panoptic maps (default: 480 640)',
    )
    parser.add_argument('--batch', type=int, default=1, help='images at once (default: 1)')
    parser.add_argument(
        '--segments',
        type=int,
        default=Conditions.segments,
        help='segments of each image, to merge or to learn (default: %(default)s)',
    )
    parser.add_argument(
        '--threads',
        nargs='+',
        type=int,
        metavar='N',
        help='threads of the processor; several numbers with --engines',
    )
    parser.add_argument(
        '--dtype',
        choices=list(DTYPES),
        default='float32',
        help='precision; others than float32 by autocast',
    )
    parser.add_argument(
        '--fuse', action='store_true', help='make batch norms part of the layers beside them'
    )
    add_compile(parser)
    parser.add_argument('--train', action='store_true', help='measure training steps')
    parser.add_argument(
        '--end-to-end',
        action='store_true',
        help='measure from images of 8 bits to panoptic maps on the host',
    )
    parser.add_argument(
        '--engines',
        nargs='+',
        choices=ENGINES,
        help='measure these, and eager, beside each other: from image files to maps of their size',
    )
    parser.add_argument(
        '--images',
        type=Path,
        metavar='DIR',
        help=f'images for --engines, the first {MOST_IMAGES} at most (default: drawn ones)',
    )
    parser.add_argument('--runs', type=int, default=10, help='measured runs (default: 10)')
    parser.add_argument('--warmup', type=int, default=1, help='runs before those (default: 1)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='file to write all figures to')
    parser.add_argument('--picture', type=Path, metavar='FILE', help='PNG to draw the stages to')
    add_device(parser)
    add_options_of_config(parser)
    args = parser.parse_args(argv)
    check_least(parser, args, batch=1, segments=1, runs=1, warmup=0)
    check_input_size(parser, args)
    if min(args.output_size) < 1:
        parser.error(f'argument --output-size: {args.output_size} must be at least 1 each')
    if args.threads is not None and min(args.threads) < 1:
        parser.error(f'--threads must be at least 1, got {min(args.threads)}')
    check_engines(parser, args)
    if args.train and (args.fuse or args.end_to_end):
        parser.error(f'--{"fuse" if args.fuse else "end-to-end"} is for prediction, not --train')
    if args.peer_weights is not None and args.peer is None:
        parser.error('--peer-weights needs --peer')
    if args.picture is not None and args.picture.suffix not in PICTURES:
        parser.error(f'--picture: {args.picture} must end in {", ".join(PICTURES)}')
    check_output(parser, '--json', args.json)
    check_output(parser, '--picture', args.picture)
    return args


def check_engines(parser: ArgumentParser, args: Namespace) -> None:
    """Refuse options that do not go with ``--engines``, or need them."""
    if args.engines is None:
        if args.images is not None:
            parser.error('--images needs --engines: else images are drawn')
        if args.threads is not None and len(args.threads) > 1:
            parser.error('--threads takes several numbers with --engines only')
        return
    for name in NOT_OF_ENGINES:
        if getattr(args, name) != parser.get_default(name):
            parser.error(f'--{name.replace("_", "-")} does not go with --engines')
    if args.weights is not None and '://' in args.weights:
        parser.error(f'--weights {args.weights} is an address: download the checkpoint first')
    if not args.device.startswith('cpu'):
        parser.error('--engines compares on the processor: add --device cpu')


def peer_config(name: str) -> str:
    """Return the path of a config that a package installs, or that :func:`config_file` finds."""
    return name if '::' in name else config_file(name)


def read_peer(name: str) -> 'Config':
    """Read the config of a peer.

    Raises:
        ValueError: If it cannot be read, or is not installed.
        KeyError: If it holds no model.
    """
    from mmengine.hub import get_config

    from .config_file import read_config_file, require

    if '::' not in name:
        cfg = read_config_file(name)
    else:
        try:
            cfg = get_config(name)
        except Exception as error:
            raise ValueError(f'--peer {name} cannot be read: {error}') from error
        cfg._cfg_dict.setdefault('default_scope', name.partition('::')[0])
    require(cfg, 'model')
    return cfg


def benchmark(args: Namespace) -> None:
    """Measure as the command line says."""
    import torch
    from mmengine.logging import MMLogger

    from ..benchmark.report import draw, table, write_json
    from ..benchmark.run import Entry, run_benchmark
    from ..engine.compilation import check_compiler
    from ..engine.model_cost import input_size

    if args.threads is not None:
        torch.set_num_threads(args.threads[0])
    cfg = read_config(args, 'model')
    peer = read_peer(args.peer) if args.peer is not None else None
    conditions = Conditions(
        size=tuple(args.size or input_size(cfg)),
        output=tuple(args.output_size),
        batch=args.batch,
        segments=args.segments,
        device=args.device,
        dtype=args.dtype,
        fuse=args.fuse,
        compile=args.compile,
        train=args.train,
        end_to_end=args.end_to_end,
    )
    if args.compile:
        check_compiler(args.device)
    # Else each weight is listed when it is initialised.
    MMLogger.get_instance('benchmark', log_level='WARNING')
    found = run_benchmark(
        Entry(cfg, args.weights),
        Entry(peer, args.peer_weights) if peer is not None else None,
        conditions,
        args.runs,
        args.warmup,
        show,
    )
    show('')
    print(table(found))
    if args.json is not None:
        write_json(found, args.json)
    if args.picture is not None:
        draw(found, args.picture)


def benchmark_engines(args: Namespace) -> None:
    """Measure engines as the command line says."""
    import os

    import torch
    from mmengine.logging import MMLogger

    from ..benchmark.engine_report import content, table, write_json
    from ..benchmark.engines import refuse_missing, run_engines
    from ..benchmark.run import describe_machine
    from ..dataset_preparation.image_files import list_images
    from ..engine.model_cost import input_size

    refuse_missing(args.engines)
    cfg = read_config(args, 'model', 'test_dataloader')
    images = []
    if args.images is not None:
        images = [str(args.images / name) for name in list_images(args.images)[:MOST_IMAGES]]
    size = tuple(args.size or input_size(cfg))
    conditions = Conditions(size=size, output=size, device='cpu')
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else None
    MMLogger.get_instance('benchmark', log_level='WARNING')
    threads = list(dict.fromkeys(args.threads or [torch.get_num_threads()]))
    with cleaning_up():
        found = run_engines(
            *(cfg, args.weights, args.engines, threads, conditions),
            *(images, args.runs, args.warmup, show),
        )
    show('')
    machine = describe_machine(conditions, load)
    figures = content(found, size, Path(cfg.filename).stem, machine)
    print(table(figures))
    if args.json is not None:
        write_json(figures, args.json)


def show(line: str) -> None:
    """Show how far it is, in a line that is overwritten, where somebody looks."""
    if sys.stderr.isatty():
        print(f'\r{line:<70}', end='\r' if not line else '', file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Measure."""
    args = parse_args(argv, prog)
    if args.engines is None:
        benchmark(args)
    else:
        benchmark_engines(args)

"""Measure the training pipeline of a config: its speed, or the memory of its workers.

Prints the processor time of every step of a pair of 640x480 images (one is pasted onto
the other) on one core, beside that of the same steps in plain code: with the original's values, and
with Pillow resizing images of 8 bits, which are other values. Results are compared in the same run.
With --memory it loads an epoch of an annotation file that names few files many times.
"""

import argparse
import tempfile
from pathlib import Path

from kmax_deeplab.cli import Parser
from projects.kmax.commands.arguments import config_file

EXAMPLES = """
python tools/benchmark_pipeline.py
python tools/benchmark_pipeline.py --memory --images 118287 --crop-size 129
"""

CONFIG = Path(__file__).resolve().parents[2] / 'configs/kmax/_base_/datasets/coco_panoptic.py'
SCENES = 16


def parse_args() -> argparse.Namespace:
    parser = Parser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', type=config_file, nargs='?', default=CONFIG)
    parser.add_argument(
        '--data-root',
        type=Path,
        help='folder with train/, panoptic_train/ and panoptic_train.json; by default scenes are '
        'drawn for the occasion',
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(640, 480),
        metavar=('WIDTH', 'HEIGHT'),
        help='size of the scenes',
    )
    parser.add_argument('--crop-size', type=int, help='side of the samples')
    parser.add_argument('--pairs', type=int, default=60, help='pairs to average the speed over')
    parser.add_argument('--memory', action='store_true', help='measure memory instead of speed')
    parser.add_argument('--images', type=int, default=118287, help='images of the annotation file')
    parser.add_argument('--samples', type=int, help='samples to load, by default an epoch')
    parser.add_argument('--workers', type=int, default=8)
    parser.add_argument('--batch-size', type=int, default=8)
    args = parser.parse_args()
    for name in ('pairs', 'images', 'workers', 'batch_size'):
        if getattr(args, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')
    return args


def report_speed(args: argparse.Namespace, folder: Path) -> None:
    """Print the time of every step."""
    from . import pipeline_speed, scenes

    dataset = scenes.build_dataset(args.config, folder, crop_size=args.crop_size)
    milliseconds, comparison = pipeline_speed.measure(dataset, args.pairs)
    print(pipeline_speed.table(milliseconds))
    print(f'ours and plain, {args.pairs + 1} samples: {comparison}')


def report_memory(args: argparse.Namespace, folder: Path) -> None:
    """Print the memory of a worker over an epoch."""
    from . import scenes
    from .worker_memory import measure_epoch

    path = scenes.repeat_annotations(folder, args.images)
    try:
        dataset = scenes.build_dataset(args.config, folder, path.name, args.crop_size)
        records = dataset.data_bytes.nbytes + dataset.data_address.nbytes
        print(
            f'{args.images} images, annotation file {path.stat().st_size / 2**20:.0f} MiB, records '
            f'{records / 2**20:.0f} MiB; MiB of each of {args.workers} workers:'
        )
    finally:
        path.unlink()
    print(f'{"samples":>10}{"seconds":>10}{"RSS":>10}{"PSS":>10}{"private":>10}')
    points = measure_epoch(
        dataset, args.workers, args.batch_size, args.samples or args.images, points=6
    )
    for count, seconds, memory in points:
        sizes = ''.join(f'{value:10.1f}' for value in memory.values())
        print(f'{count:10}{seconds:10.0f}{sizes}', flush=True)


def main() -> None:
    args = parse_args()
    import cv2
    import torch
    from mmengine.registry import init_default_scope

    from projects.kmax.runtime.malloc import keep_freed_memory

    from . import scenes

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    keep_freed_memory()
    init_default_scope('mmdet')
    report = report_memory if args.memory else report_speed
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.data_root or Path(scratch)
        if args.data_root is None:
            scenes.draw_scenes(folder, args.size, SCENES)
        report(args, folder)

"""Export a model as one file: ``python tools/export.py CONFIG CHECKPOINT OUT.onnx``.

The file takes the padded image, 8 bits a level, and gives the panoptic map and its segments, or
with ``--output logits`` what they are merged from. It runs in onnxruntime or OpenVINO, needs
neither torch nor OpenMMLab, and its metadata hold all that whoever runs it has to know; see
docs/deployment.md.

Before OUT.onnx appears, it is run beside the model in each of these that is installed. One in full
precision whose maps differ in more than one pixel of 10,000 is not written.

With ``--precision int8`` the ranges of integers are those that values take on the images of
``--calibrate``: give some of the training set, not those that the file is judged by.
"""

import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kmax_deeplab.exported.onnx_file import is_exported_file

from .arguments import (
    add_config,
    add_input_size,
    add_options_of_config,
    check_input_size,
    check_output,
    existing_file,
    make_parser,
)
from .progress import show_progress
from .stopping import cleaning_up

if TYPE_CHECKING:
    from kmax_deeplab.exported.engines import Arrays

    from ..apis import KMaXInferencer
    from ..deploy.checking import Comparison, PaddedImage

DRAWN = 4
"""Images that are drawn where none are given."""

SHOWN = 20
"""Images of a folder that are compared, at most."""

CALIBRATED = 64
"""Images of a folder that int8 is calibrated on, at most."""

EXAMPLES = r"""
kmax-deeplab export kmax_nano_shapes-panoptic \
    work_dirs/kmax_nano_shapes-panoptic/iter_2000.pth model.onnx
kmax-deeplab export kmax_nano_shapes-panoptic \
    work_dirs/kmax_nano_shapes-panoptic/iter_2000.pth int8.onnx \
    --precision int8 --calibrate data/shapes/train --images data/shapes/val
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    add_config(parser)
    parser.add_argument('checkpoint', type=existing_file, help='its weights')
    parser.add_argument('out', type=Path, metavar='OUT.onnx', help='file to write')
    add_input_size(parser)
    parser.add_argument(
        '--output', choices=('maps', 'logits'), default='maps', help='what it gives (default: maps)'
    )
    parser.add_argument(
        '--dynamic',
        action='store_true',
        help='take inputs of any size of the form 32k + 1; for --output logits alone',
    )
    parser.add_argument(
        '--precision',
        choices=('fp32', 'fp16', 'int8'),
        default='fp32',
        help='of the backbone and the pixel decoder; the rest stays fp32 (default: fp32)',
    )
    parser.add_argument(
        '--calibrate',
        type=Path,
        metavar='DIR',
        help=f'images for --precision int8, {CALIBRATED} of them at most, evenly spread',
    )
    parser.add_argument(
        '--images', type=Path, metavar='DIR', help='images to compare on (default: drawn ones)'
    )
    parser.add_argument(
        '--min-equal',
        type=_share,
        metavar='SHARE',
        help='least share of equal pixels, 0 to 1 (default: 0.9999, with fp16 and int8 none)',
    )
    parser.add_argument(
        '--no-check', action='store_true', help='write the file without having run it'
    )
    add_options_of_config(parser)
    args = parser.parse_args(argv)
    check_input_size(parser, args)
    if args.dynamic and args.output != 'logits':
        parser.error(
            '--dynamic is for --output logits: the merge is made of matrices for one size; give '
            '--size, and a file for each size'
        )
    if args.precision == 'int8' and args.calibrate is None:
        parser.error('--precision int8 needs --calibrate DIR: images like those that it is for')
    if args.precision != 'int8' and args.calibrate is not None:
        parser.error(f'--calibrate is for --precision int8, not {args.precision}')
    if args.out.suffix != '.onnx':
        parser.error(f'{args.out} must end in .onnx')
    if '://' in args.checkpoint:
        parser.error(f'{args.checkpoint} is an address: download the checkpoint first')
    if args.no_check and (args.images is not None or args.min_equal is not None):
        parser.error('--images and --min-equal are for the comparison, which --no-check leaves out')
    check_output(parser, 'OUT.onnx', args.out)
    if args.out.is_file() and not is_exported_file(args.out):
        parser.error(
            f'{args.out} is there, and no earlier export, which alone is replaced: give another '
            'name'
        )
    return args


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ArgumentTypeError(f'must be a number from 0 to 1, not {text!r}')
    return share


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Export as the command line says."""
    args = parse_args(argv, prog)
    from kmax_deeplab.atomic_file import write_atomically
    from kmax_deeplab.exported.engines import installed_engines

    from ..apis import KMaXInferencer
    from ..deploy.exporting import export_model, refuse_missing_exporter
    from ..deploy.metadata import describe
    from ..deploy.pipelines import bring_to_size, has_fractions
    from ..deploy.quantizing import refuse_missing_quantizer
    from ..deploy.rules import refuse_rules
    from .arguments import read_config

    refuse_missing_exporter()
    if args.precision == 'int8':
        refuse_missing_quantizer()
    engines = [] if args.no_check else installed_engines()
    if not engines and not args.no_check:
        raise ModuleNotFoundError(
            'there is nothing to check the file in: run "pip install onnxruntime", or '
            '"pip install openvino", or give --no-check'
        )
    config = read_config(args, 'model', 'test_dataloader')
    size = bring_to_size(config, tuple(args.size) if args.size else None)
    inferencer = KMaXInferencer(config, args.checkpoint, 'cpu')
    cfg = inferencer.model.panoptic_fusion_head.read_test_cfg()
    if args.output == 'maps':
        refuse_rules(cfg)
    calibration = [] if args.calibrate is None else _spread(args.calibrate)
    for path in calibration:
        # A damaged one ends it here, not after the model is traced.
        inferencer.read(path)
    metadata = describe(
        config,
        Path(args.checkpoint),
        inferencer.classes,
        cfg,
        size,
        output=args.output,
        precision=args.precision,
        dynamic=args.dynamic,
        calibrated_on=len(calibration) or None,
    )
    fractions = has_fractions(metadata)
    images = list(_images(args.images, inferencer, size, fractions)) if engines else []
    inputs = _inputs(calibration, inferencer, size, fractions)
    with cleaning_up():
        content = export_model(inferencer.model, metadata, inputs)
        if engines:
            _check(args, content, inferencer, images, engines)
        write_atomically(args.out, content, sync=True)
    print(f'written     {args.out} ({len(content) / 2**20:.1f} MiB)')


def _spread(folder: Path) -> list[str]:
    """Return paths of up to ``CALIBRATED`` images from all of a folder: neighbours are alike."""
    from ..dataset_preparation.image_files import list_images

    names = list_images(folder)
    count = min(len(names), CALIBRATED)
    return [str(folder / names[place * len(names) // count]) for place in range(count)]


def _inputs(
    paths: list[str], inferencer: 'KMaXInferencer', size: tuple[int, int], fractions: bool
) -> Iterator['Arrays']:
    """Yield what a file takes of each image, which may be many to hold at once."""
    from ..deploy.checking import PaddedImage

    for path in show_progress(paths, 'calibrating', len(paths)):
        yield PaddedImage.prepare(inferencer, path, size, fractions).inputs


def _images(
    folder: Path | None, inferencer: 'KMaXInferencer', size: tuple[int, int], fractions: bool
) -> Iterator['PaddedImage']:
    """Yield the inputs to compare on, as the test pipeline makes them, or drawn ones."""
    from ..dataset_preparation.image_files import list_images
    from ..datasets.shapes import MIN_SIDE, draw_scene
    from ..deploy.checking import PaddedImage

    if folder is None:
        for seed in range(DRAWN):
            scene = draw_scene(seed, *(max(side, MIN_SIDE) for side in reversed(size))).image
            fitting = scene[: size[0], : size[1], ::-1]
            yield PaddedImage.pad(fitting, size, f'drawing {seed}', fractions)
        return
    for name in list_images(folder)[:SHOWN]:
        yield PaddedImage.prepare(inferencer, str(folder / name), size, fractions)


def _check(
    args: Namespace,
    content: bytes,
    inferencer: 'KMaXInferencer',
    images: list['PaddedImage'],
    engines: list[str],
) -> None:
    """Print how a file compares with its model; a ValueError where it is not the same."""
    from ..deploy.checking import LEAST_EQUAL, compare

    shown = show_progress(images, 'comparing', len(images))
    comparisons = compare(content, inferencer.model, shown, engines)
    for comparison in comparisons:
        print(_describe(comparison))
    if not any(comparisons[0].segments):
        print(
            f'{args.prog}: warning: the model finds no segment on these images, so that equal maps '
            'say little: give --images that it knows',
            file=sys.stderr,
        )
    least = args.min_equal
    if least is None:
        least = LEAST_EQUAL if args.precision == 'fp32' else 0.0
    for comparison in comparisons:
        if comparison.share < least:
            raise ValueError(
                f'in {comparison.engine} only {comparison.share:.4%} of the pixels are as the '
                f'model predicts them, less than {least:.4%}: {args.out} is not written; '
                '--min-equal takes another share'
            )


def _describe(comparison: 'Comparison') -> str:
    count = len(comparison.equal)
    segments = f'{sum(comparison.segments)} segments'
    if comparison.renumbered:
        segments += f', numbered otherwise on {comparison.renumbered} of them'
    return (
        f'{comparison.engine:12}{comparison.share:.4%} of the pixels equal, the same segments on '
        f'{comparison.same_segments} of {count} images ({segments}), '
        f'{_median(comparison.seconds):.2f} s an image, PyTorch '
        f'{_median(comparison.eager_seconds):.2f} s'
    )


def _median(values: Sequence[Any]) -> float:
    return sorted(values)[len(values) // 2]

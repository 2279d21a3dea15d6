"""Evaluate a checkpoint, or an exported file."""

import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import (
    add_common_arguments,
    add_compile,
    add_engine,
    check_engine,
    check_output,
    existing_file,
    is_exported,
    load_config,
    make_parser,
)
from .leftovers import removed_if_nothing_done

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

WITHOUT_SCREEN = ('agg', 'cairo', 'pdf', 'pgf', 'ps', 'svg', 'template')
"""What matplotlib draws with where it cannot open a window."""

NEEDED = (
    *('model', 'test_cfg', 'test_evaluator', 'test_dataloader.dataset'),
    *('test_dataloader.sampler', 'test_dataloader.dataset.pipeline?'),
)

EXAMPLES = r"""
kmax-deeplab test kmax_nano_shapes-panoptic \
    work_dirs/kmax_nano_shapes-panoptic/iter_2000.pth
kmax-deeplab test kmax_nano_shapes-panoptic \
    work_dirs/kmax_nano_shapes-panoptic/iter_2000.pth --report report   # with pictures
kmax-deeplab test kmax_nano_shapes-panoptic model.onnx --report report_onnx
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line of mmdet's ``tools/test.py``."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    add_common_arguments(parser)
    parser.add_argument(
        'checkpoint',
        type=existing_file,
        help='checkpoint file, or its URL, or an exported file (.onnx), with which the config only '
        'tells data and metrics',
    )
    parser.add_argument('--out', help='pickle file (.pkl) to write the predictions to')
    parser.add_argument(
        '--all-tasks',
        action='store_true',
        help='also report AP and mIoU, from the same predictions and panoptic annotations',
    )
    parser.add_argument(
        '--format-only',
        action='store_true',
        help='only write the predictions, as test servers take them; no annotations are needed',
    )
    parser.add_argument(
        '--outfile-prefix',
        metavar='PREFIX',
        help='first part of the paths that --format-only writes to; WORK_DIR/results by default',
    )
    parser.add_argument('--show', action='store_true', help='show the predictions in a window')
    parser.add_argument('--show-dir', help='folder, within the work folder, to draw predictions to')
    parser.add_argument(
        '--tta',
        action='store_true',
        help='average several views of each image, as tta_pipeline and tta_model of the config say',
    )
    parser.add_argument(
        '--fuse',
        action='store_true',
        help='predict by a copy whose batch norms are part of other layers: faster, same results',
    )
    add_compile(parser)
    add_engine(parser)
    parser.add_argument(
        '--report',
        type=Path,
        metavar='DIR',
        help='folder to write report.html to, with errors, confusions and pictures, and its '
        'figures as report.json',
    )
    parser.add_argument('--wait-time', type=float, default=2, help='seconds per shown image')
    words = sys.argv[1:] if argv is None else argv
    args = parser.parse_args(argv)
    check_engine(parser, args, args.checkpoint, 'all_tasks', 'tta', 'fuse', 'compile')
    args.command = f'{parser.prog} {shlex.join(words)}'
    if args.out is not None and Path(args.out).suffix not in ('.pkl', '.pickle'):
        parser.error(f'--out must end in .pkl or .pickle, but is {args.out}')
    check_output(parser, '--out', args.out)
    if args.outfile_prefix is not None and not args.format_only:
        parser.error('--outfile-prefix needs --format-only')
    if args.report is not None:
        if args.format_only:
            parser.error('--report compares with annotations, which --format-only does without')
        for name in ('report.html', 'report.json'):
            check_output(parser, '--report', args.report / name)
    if args.show and not _has_screen():
        parser.error('--show needs a screen, and there is none here: draw to files by --show-dir')
    return args


def _has_screen() -> bool:
    import matplotlib

    return matplotlib.get_backend().lower() not in WITHOUT_SCREEN


def test(args: Namespace) -> None:
    """Test as the command line says."""
    cfg = load_config(args, *NEEDED)
    with removed_if_nothing_done(cfg.work_dir):
        test_with(cfg, args)


def test_with(cfg: 'Config', args: Namespace) -> None:
    """Test with a config and the options that change it."""
    from mmengine.device import get_device

    from ..engine.compilation import check_compiler
    from ..engine.hooks import CompileHook, FuseHook
    from ..engine.weights import check_weights, read_weights
    from ..evaluation.all_tasks import find_ground_truth
    from ..evaluation.dump import DumpResults
    from ..evaluation.exported_model import CheckExportedClassesHook
    from ..report.page import refuse_report_of_others
    from ..runtime.brief_runner import BriefRunner
    from ..runtime.machine import adapt_to_machine

    if args.compile:
        check_compiler(get_device())
    cfg = apply_options(cfg, args)
    truth = {}
    if args.report is not None:
        refuse_report_of_others(args.report)
        truth = find_ground_truth(cfg, '--report')
    adapt_to_machine(cfg)
    weights = None if is_exported(args.checkpoint) else read_weights(args.checkpoint)
    runner = BriefRunner.from_cfg(cfg)
    if weights is None:
        runner.register_hook(CheckExportedClassesHook())
    else:
        check_weights(runner.model, weights, args.checkpoint)
    if args.fuse:
        runner.register_hook(FuseHook())
    if args.compile:
        runner.register_hook(CompileHook())
    if args.out is not None:
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
    if args.report is not None:
        add_report(runner, args, truth)
    runner.test()


def add_report(runner: 'Runner', args: Namespace, truth: dict[str, Any]) -> None:
    """Let a runner's evaluator also write a report."""
    from ..report.metric import ReportMetric
    from ..report.origin import describe_origin

    origin = describe_origin(args.command, args.config, args.checkpoint)
    evaluator = runner.test_evaluator
    evaluator.metrics.append(ReportMetric(args.report, origin, evaluator.dataset_meta, **truth))


def apply_options(cfg: 'Config', args: Namespace) -> 'Config':
    """Write the options of the command line into the config."""
    from mmdet.engine.hooks.utils import trigger_visualization_hook

    from ..engine.tta import use_tta
    from ..evaluation.all_tasks import add_all_tasks
    from ..evaluation.destinations import check_destinations
    from ..evaluation.exported_model import evaluate_exported
    from ..evaluation.format_only import without_annotations

    cfg.load_from = args.checkpoint
    if is_exported(args.checkpoint):
        options = dict(engine=args.engine or 'auto', threads=args.threads)
        evaluate_exported(cfg, args.checkpoint, **options)
    if args.all_tasks:
        add_all_tasks(cfg, args.format_only)
    if args.format_only:
        prefix = args.outfile_prefix or f'{cfg.work_dir}/results'
        scope = cfg.get('default_scope') or 'mmengine'
        cfg.test_evaluator = without_annotations(cfg.test_evaluator, prefix, scope)
        check_destinations(cfg)
    if args.show or args.show_dir:
        cfg = trigger_visualization_hook(cfg, args)
    if args.tta:
        use_tta(cfg)
    return cfg


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Test, and leave the group of a distributed run."""
    test(parse_args(argv, prog))
    from ..runtime.machine import leave_group

    leave_group()

"""Evaluate a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import projects.kmax  # noqa: F401, E402, I001  (before anything of mmdet)
from mmdet.engine.hooks.utils import trigger_visualization_hook  # noqa: E402
from mmdet.evaluation import DumpDetResults  # noqa: E402
from mmengine.runner import Runner  # noqa: E402

from projects.kmax.commands.arguments import (  # noqa: E402
    add_common_arguments,
    existing_file,
    load_config,
)
from projects.kmax.engine.tta import use_tta  # noqa: E402
from projects.kmax.engine.weights import check_weights, read_weights  # noqa: E402
from projects.kmax.evaluation.all_tasks import add_all_tasks  # noqa: E402
from projects.kmax.evaluation.format_only import without_annotations  # noqa: E402
from projects.kmax.runtime.machine import adapt_to_machine, leave_group  # noqa: E402


def parse_args() -> Namespace:
    """Parse the command line of mmdet's ``tools/test.py``."""
    parser = ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument('checkpoint', type=existing_file, help='checkpoint file, or its URL')
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
    parser.add_argument('--wait-time', type=float, default=2, help='seconds per shown image')
    args = parser.parse_args()
    if args.out is not None and Path(args.out).suffix not in ('.pkl', '.pickle'):
        parser.error(f'--out must end in .pkl or .pickle, but is {args.out}')
    if args.outfile_prefix is not None and not args.format_only:
        parser.error('--outfile-prefix needs --format-only')
    return args


def main() -> None:
    """Test as the command line says."""
    args = parse_args()
    cfg = load_config(args)
    cfg.load_from = args.checkpoint
    if args.all_tasks:
        add_all_tasks(cfg, args.format_only)
    if args.format_only:
        prefix = args.outfile_prefix or f'{cfg.work_dir}/results'
        scope = cfg.get('default_scope') or 'mmengine'
        cfg.test_evaluator = without_annotations(cfg.test_evaluator, prefix, scope)
    if args.show or args.show_dir:
        cfg = trigger_visualization_hook(cfg, args)
    if args.tta:
        use_tta(cfg)
    adapt_to_machine(cfg)
    weights = read_weights(args.checkpoint)
    runner = Runner.from_cfg(cfg)
    check_weights(runner.model, weights, args.checkpoint)
    if args.out is not None:
        runner.test_evaluator.metrics.append(DumpDetResults(out_file_path=args.out))
    runner.test()


if __name__ == '__main__':
    main()
    leave_group()

"""Train a model."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from kmax_deeplab.locks import hold_folder
from kmax_deeplab.released import find_model, is_published

from .arguments import add_common_arguments, add_compile, add_mirror, load_config, make_parser
from .leftovers import removed_if_nothing_done

if TYPE_CHECKING:
    from mmengine.config import Config

NEEDED = (
    *('model', 'train_cfg', 'optim_wrapper', 'train_dataloader.dataset'),
    *('train_dataloader.sampler', 'train_dataloader.dataset.pipeline?'),
)

TRACKERS = {
    'tensorboard': 'TensorboardVisBackend',
    'wandb': 'WandbVisBackend',
    'mlflow': 'MLflowVisBackend',
}
"""mmengine's backends, by what they are called here."""

EXAMPLES = """
kmax-deeplab train kmax_nano_shapes-panoptic
kmax-deeplab train kmax_nano_shapes-panoptic --resume   # goes on where it stopped
kmax-deeplab train mine.py --minutes 60                 # as much as fits into an hour
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line of mmdet's ``tools/train.py``."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    add_common_arguments(parser)
    parser.add_argument('--amp', action='store_true', help='train in mixed precision')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the batch size: Adam with its square root',
    )
    parser.add_argument(
        '--accumulate',
        type=int,
        default=1,
        metavar='N',
        help='sum the gradients of N iterations for one step, with N times the iterations: for a '
        'batch size that is N times smaller than the recipe',
    )
    parser.add_argument(
        '--minutes',
        type=float,
        metavar='M',
        help='train for about M minutes, validations included: the schedule gets as many '
        'iterations as fit on this machine',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='checkpoint, or its URL, to resume from; without a value, the latest one in the work '
        'folder, if there is one',
    )
    parser.add_argument(
        '--new-classes',
        action='store_true',
        help='with load_from, for data of other classes: those with a name in common continue, '
        'the others start anew',
    )
    parser.add_argument(
        '--from',
        dest='source',
        type=weights_source,
        metavar='NAME|FILE',
        help='fine-tune a published model or a checkpoint: load_from, which takes names too, and '
        '--new-classes in one; with --resume, where the work folder has no checkpoint yet',
    )
    add_mirror(parser)
    parser.add_argument(
        '--track',
        nargs='+',
        choices=TRACKERS,
        default=[],
        help='write figures for these too; wandb and mlflow take their settings from the '
        'environment',
    )
    add_compile(parser)
    args = parser.parse_args(argv)
    _check_start(parser, args)
    if args.accumulate < 1:
        parser.error(f'--accumulate must be at least 1, but is {args.accumulate}')
    if args.minutes is not None and not 0 < args.minutes < inf:
        parser.error(f'--minutes must be a positive number, but is {args.minutes:g}')
    if args.amp and not _has_gpu():
        parser.error('--amp needs a GPU, and none was found')
    return args


def _check_start(parser: ArgumentParser, args: Namespace) -> None:
    """Refuse options that say in two ways, or in none, what a training begins with."""
    if args.new_classes and args.resume is not None:
        parser.error('--new-classes starts a training and excludes --resume')
    if args.source is not None and 'load_from' in (args.cfg_options or {}):
        parser.error('--from and --cfg-options load_from both name weights: give one')
    if args.source is not None and args.resume not in (None, 'auto'):
        parser.error(f'--from starts a training and excludes --resume {args.resume}')
    is_file = args.resume not in (None, 'auto') and '://' not in args.resume
    if is_file and not Path(args.resume).is_file():
        parser.error(f'--resume: checkpoint {args.resume} does not exist')


def weights_source(text: str) -> str:
    """Check the name of a published model, or the path of a checkpoint; URLs pass."""
    try:
        _check_source(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    return text


def _check_source(text: str) -> None:
    """Raise a ValueError for what is neither a URL, nor a path, nor the name of a published model.

    What is wrong with a path that is there is said when it is read.
    """
    if '://' in text or (text and Path(text).exists()):
        return
    try:
        find_model(text)
    except ValueError as error:
        raise ValueError(f'file {text or "(empty)"} does not exist, and {error}') from None


def _is_name(source: str | None) -> bool:
    """Tell a published model from a checkpoint; a file of the same name comes first."""
    return source is not None and not Path(source).is_file() and is_published(source)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def apply_options(cfg: 'Config', args: Namespace) -> None:
    """Write the options of the command line into the config."""
    from ..runtime.batch_size import accumulate
    from ..runtime.trackers import add_trackers

    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise KeyError(f'--auto-scale-lr: {args.config} lacks auto_scale_lr.base_batch_size')
        cfg.auto_scale_lr.enable = True
    if args.accumulate > 1:
        accumulate(cfg, args.accumulate)
    if args.minutes is not None:
        hook = dict(type='ExpectedTimeHook', minutes=args.minutes)
        cfg.merge_from_dict({'default_hooks.expected_time': hook})
    if args.track:
        add_trackers(cfg, [TRACKERS[name] for name in args.track])
    _choose_start(cfg, args)


def _choose_start(cfg: 'Config', args: Namespace) -> None:
    """Write into the config what a training begins with."""
    from ..runtime.latest_checkpoint import choose_start

    resume = cfg.get('resume') if args.resume is None else args.resume
    load_from = cfg.get('load_from') if args.source is None else args.source
    if args.source is not None and resume is True:
        resume = 'auto'
    if args.new_classes and load_from is None:
        raise ValueError(
            '--new-classes needs the weights to continue from: --from NAME or '
            '--cfg-options load_from=CHECKPOINT'
        )
    if args.mirror is not None and not _is_name(load_from):
        raise ValueError('--mirror is for the weights of a published model: --from NAME')
    cfg.resume, cfg.load_from = choose_start(resume, load_from, cfg.work_dir)
    if not cfg.resume and cfg.load_from is not None:
        cfg.load_from = _find_weights(cfg.load_from, args.mirror)
    fine_tunes = args.source is not None and not cfg.resume
    if fine_tunes:
        # Else a backbone's are downloaded, only to be replaced.
        backbone = cfg.model.get('backbone') or {}
        if (backbone.get('init_cfg') or {}).get('type') == 'Pretrained':
            backbone['init_cfg'] = None
    if args.new_classes or fine_tunes:
        hook = dict(type='MapClassesHook', new_classes=True)
        cfg.merge_from_dict({'default_hooks.map_classes': hook})


def _find_weights(source: str, mirror: str | None) -> str:
    """Return the file of a published model's weights, or the checkpoint that is named."""
    try:
        _check_source(source)
    except ValueError as error:
        raise ValueError(f'load_from: {error}') from None
    if not _is_name(source):
        return source
    from ..released import fetch

    return fetch(source, mirror)[1]


def train(args: Namespace) -> None:
    """Train as the command line says."""
    cfg = load_config(args, *NEEDED)
    with removed_if_nothing_done(cfg.work_dir):
        train_with(cfg, args)


def train_with(cfg: 'Config', args: Namespace) -> None:
    """Train with a config and the options that change it."""
    from mmengine.device import get_device

    from ..engine.compilation import check_compiler
    from ..engine.hooks import CompileHook
    from ..engine.weights import check_weights, continues_with_new_classes, read_weights
    from ..runtime.batch_size import scale_learning_rate
    from ..runtime.brief_runner import BriefRunner
    from ..runtime.hooks import CheckResumeHook
    from ..runtime.machine import adapt_to_machine, leads

    if args.compile:
        check_compiler(get_device())
    apply_options(cfg, args)
    if leads(cfg):
        # Before anything is written there.
        hold_folder(Path(cfg.work_dir))
    weights = read_weights(cfg.load_from) if cfg.load_from is not None else None
    adapt_to_machine(cfg)
    runner = BriefRunner.from_cfg(cfg)
    runner.register_hook(CheckResumeHook())
    if args.compile:
        runner.register_hook(CompileHook())
    if weights is not None:
        check_weights(
            runner.model,
            weights,
            cfg.load_from,
            starts=not cfg.resume,
            new_classes=continues_with_new_classes(cfg),
        )
        # They were only looked at; the runner reads them itself.
        del weights
    scale_learning_rate(runner)
    runner.train()


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Train, and leave the group of a distributed run."""
    train(parse_args(argv, prog))
    from ..runtime.machine import leave_group

    leave_group()

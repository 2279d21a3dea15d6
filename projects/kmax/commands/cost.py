"""Count the parameters and multiply-adds of models, without their weights: seconds, half a GB.

With --train, estimate instead the memory that a step of a training holds at its peak, on any
machine: neither a GPU nor that memory is needed.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import add_input_size, check_input_size, check_least, config_file, make_parser

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..engine.training_memory import TrainingMemory, TrainingStep

COLUMNS = ('config', 'input (h x w)', 'parameters', 'with auxiliary head', 'GMACs')
PARTS = ('weights', 'gradients', 'optimizer', 'activations', 'total')
MEMORY_COLUMNS = ('config', 'input (h x w)', 'batch', *(f'{part}, GiB' for part in PARTS))
MOST_IMAGES = 1024
"""Of a step: they take minutes, each a quarter of a second."""
OF_TRAINING = ('batch', 'masks', 'amp', 'checkpointing', 'memory', 'variants')
VARIANTS = {
    'as it is': {},
    'amp': dict(amp=True),
    'checkpointing': dict(checkpointing=True),
    'both': dict(amp=True, checkpointing=True),
}

EXAMPLES = """
kmax-deeplab cost kmax_r50_coco kmax_convnext-t_coco
kmax-deeplab cost kmax_r50_coco --train --memory 24            # the largest batch for 24 GiB
kmax-deeplab cost mine.py --train --batch 2
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    parser.add_argument('configs', nargs='+', type=config_file, help='config files')
    add_input_size(parser)
    parser.add_argument(
        '--train', action='store_true', help='estimate the peak memory of a step of a training'
    )
    _add_options_of_training(parser)
    args = parser.parse_args(argv)
    check_input_size(parser, args)
    _check_options_of_training(parser, args)
    return args


def _add_options_of_training(parser: ArgumentParser) -> None:
    group = parser.add_argument_group('options of --train')
    group.add_argument(
        '--batch',
        nargs='+',
        type=int,
        metavar='N',
        help="images of a step on one device (default: the config's)",
    )
    group.add_argument('--masks', type=int, help='segments of each image (default: 20)')
    group.add_argument('--amp', action='store_true', help='in mixed precision')
    group.add_argument(
        '--checkpointing',
        action='store_true',
        help='with_cp=True of backbone, pixel decoder and transformer decoder',
    )
    group.add_argument(
        '--memory',
        type=float,
        metavar='GIB',
        help='find the largest batch, up to 128 images, that needs no more',
    )
    group.add_argument(
        '--variants',
        action='store_true',
        help='one row a config: the GiB of each batch without and with --amp and --checkpointing',
    )


def _check_options_of_training(parser: ArgumentParser, args: Namespace) -> None:
    given = [name for name in OF_TRAINING if getattr(args, name) not in (None, False)]
    if given and not args.train:
        parser.error(f'--{given[0]} needs --train')
    for other in ('batch', 'variants'):
        if args.memory is not None and other in given:
            parser.error(f'--memory looks for a batch and excludes --{other}')
    for other in ('amp', 'checkpointing'):
        if args.variants and other in given:
            parser.error(f'--variants tries --{other} already')
    if args.memory is not None and not (isfinite(args.memory) and args.memory > 0):
        parser.error(f'--memory must be a positive number of GiB, got {args.memory}')
    if args.masks is not None:
        check_least(parser, args, masks=1)
    for batch in args.batch or ():
        if not 1 <= batch <= MOST_IMAGES:
            parser.error(f'--batch must be 1 to {MOST_IMAGES} images, got {batch}')


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    args = parse_args(argv, prog)
    from mmengine.registry import init_default_scope

    from .config_file import read_checked_file

    make_rows = _training_rows if args.train else _prediction_rows
    _print_row(_columns(args))
    print('|---' * len(_columns(args)) + '|')
    for path in args.configs:
        config = read_checked_file(path)
        init_default_scope(config.get('default_scope', 'mmdet'))
        for row in make_rows(config, args):
            _print_row((Path(path).stem, *row))


def _columns(args: Namespace) -> Sequence[str]:
    if args.variants:
        return ('config', 'input (h x w)', 'batch', *(f'{name}, GiB' for name in VARIANTS))
    return MEMORY_COLUMNS if args.train else COLUMNS


def _print_row(cells: Sequence[str]) -> None:
    print(f'| {" | ".join(cells)} |', flush=True)


def _prediction_rows(config: 'Config', args: Namespace) -> Iterator[Sequence[str]]:
    from ..engine.model_cost import model_cost

    cost = model_cost(config, tuple(args.size) if args.size else None)
    yield (
        _text_of_size(cost.size),
        f'{cost.parameters / 1e6:.2f} M',
        f'{cost.parameters_in_training / 1e6:.2f} M',
        f'{cost.macs / 1e9:.1f}',
    )


def _training_rows(config: 'Config', args: Namespace) -> Iterator[Sequence[str]]:
    from ..engine.training_memory import MOST_TRIED, TrainingStep, training_memory
    from .config_file import require

    require(config, 'model', 'model.data_preprocessor', 'optim_wrapper')
    changes: dict[str, Any] = dict(size=tuple(args.size)) if args.size else {}
    # What is not asked for stays as the config has it.
    changes |= {name: value for name in OF_TRAINING[1:4] if (value := getattr(args, name))}
    step = TrainingStep.of(config, **changes)
    if args.memory is not None:
        found, memory = _largest(config, step, args.memory)
        size, batch, *parts = _memory_row(found, memory)
        yield size, f'{batch} or more' if found.batch == MOST_TRIED else batch, *parts
        return
    batches = args.batch or [step.batch]
    if args.variants:
        yield _variants_row(config, changes, batches)
        return
    for batch in batches:
        step = TrainingStep.of(config, **changes, batch=batch)
        yield _memory_row(step, training_memory(config, step))


def _largest(
    config: 'Config', step: 'TrainingStep', gib: float
) -> tuple['TrainingStep', 'TrainingMemory']:
    from ..engine.training_memory import GIB, largest_batch, training_memory

    found = largest_batch(config, step, int(gib * GIB))
    if found is None:
        least = training_memory(config, replace(step, batch=1)).total / GIB
        raise ValueError(
            f'{config.filename}: not even one image fits into --memory {gib:g}: it needs '
            f'{least:.2f} GiB; try --amp, --checkpointing or a smaller --size'
        )
    return found


def _variants_row(
    config: 'Config', changes: dict[str, Any], batches: Sequence[int]
) -> Sequence[str]:
    from ..engine.training_memory import GIB, TrainingStep, training_memory

    cells = []
    for variant in VARIANTS.values():
        steps = [
            TrainingStep.of(config, **{**changes, **variant, 'batch': batch}) for batch in batches
        ]
        totals = [training_memory(config, step).total / GIB for step in steps]
        cells.append(' / '.join(f'{total:.2f}' for total in totals))
    return _text_of_size(steps[0].size), ' / '.join(map(str, batches)), *cells


def _memory_row(step: 'TrainingStep', memory: 'TrainingMemory') -> Sequence[str]:
    from ..engine.training_memory import GIB

    sizes = [getattr(memory, part) / GIB for part in PARTS]
    return _text_of_size(step.size), str(step.batch), *(f'{size:.2f}' for size in sizes)


def _text_of_size(size: Sequence[int]) -> str:
    return f'{size[0]} x {size[1]}'

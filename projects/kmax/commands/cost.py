"""Count the parameters and multiply-adds of models, without their weights: seconds, half a GB."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from .arguments import config_file, make_parser

COLUMNS = ('config', 'input (h x w)', 'parameters', 'with auxiliary head', 'GMACs')


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog)
    parser.add_argument('configs', nargs='+', type=config_file, help='config files')
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        metavar=('HEIGHT', 'WIDTH'),
        help="size of the input (default: what the config's test images are padded to)",
    )
    args = parser.parse_args(argv)
    if args.size is not None and min(args.size) < 64:
        parser.error(f'argument --size: {args.size} must be at least 64 each')
    return args


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    args = parse_args(argv, prog)
    from mmengine.registry import init_default_scope

    from ..engine.model_cost import model_cost
    from .config_file import read_checked_file

    size = tuple(args.size) if args.size else None
    print(f'| {" | ".join(COLUMNS)} |\n{"|---" * len(COLUMNS)}|')
    for path in args.configs:
        config = read_checked_file(path)
        init_default_scope(config.get('default_scope', 'mmdet'))
        cost = model_cost(config, size)
        print(
            f'| {Path(path).stem} | {cost.size[0]} x {cost.size[1]} '
            f'| {cost.parameters / 1e6:.2f} M | {cost.parameters_in_training / 1e6:.2f} M '
            f'| {cost.macs / 1e9:.1f} |',
            flush=True,
        )

"""Count the parameters and multiply-adds of models, without their weights: seconds, half a GB."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import projects.kmax  # noqa: F401, E402, I001  (before anything of mmdet)
from mmengine.config import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402

from projects.kmax.commands.arguments import existing_file  # noqa: E402
from projects.kmax.engine.model_cost import model_cost  # noqa: E402

COLUMNS = ('config', 'input (h x w)', 'parameters', 'with auxiliary head', 'GMACs')


def parse_args() -> Namespace:
    """Parse the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('configs', nargs='+', type=existing_file, help='config files')
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        metavar=('HEIGHT', 'WIDTH'),
        help="size of the input (default: what the config's test images are padded to)",
    )
    args = parser.parse_args()
    if args.size is not None and min(args.size) < 64:
        parser.error(f'argument --size: {args.size} must be at least 64 each')
    return args


def main() -> None:
    args = parse_args()
    size = tuple(args.size) if args.size else None
    print(f'| {" | ".join(COLUMNS)} |\n{"|---" * len(COLUMNS)}|')
    for path in args.configs:
        config = Config.fromfile(path)
        init_default_scope(config.get('default_scope', 'mmdet'))
        try:
            cost = model_cost(config, size)
        except ValueError as error:
            sys.exit(f'{Path(sys.argv[0]).name}: error: {error}')
        print(
            f'| {Path(path).stem} | {cost.size[0]} x {cost.size[1]} '
            f'| {cost.parameters / 1e6:.2f} M | {cost.parameters_in_training / 1e6:.2f} M '
            f'| {cost.macs / 1e9:.1f} |',
            flush=True,
        )


if __name__ == '__main__':
    main()

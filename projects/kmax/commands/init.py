"""Write a config for your own data: model, size, queries, batch and iterations, and why.

The data are a folder as docs/custom_dataset.md describes it.
"""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from kmax_deeplab.atomic_file import write_atomically
from kmax_deeplab.paths import find_name_fault

from .arguments import check_output, make_parser

if TYPE_CHECKING:
    from ..engine.starting_config import Machine

EXAMPLES = """
kmax-deeplab init my_model --data data/mine
kmax-deeplab init my_model_8gb --data data/mine --memory 8   # for a GPU of 8 GiB
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    parser.add_argument('name', type=new_config, help='the config to write, with or without .py')
    parser.add_argument('--data', required=True, type=data_folder, help='folder of the data set')
    parser.add_argument(
        '--memory',
        type=float,
        metavar='GIB',
        help="of the GPU that will train (default: that of this machine's; without one half of its "
        'main memory, for a training on the CPU)',
    )
    args = parser.parse_args(argv)
    if args.memory is not None and not (isfinite(args.memory) and args.memory > 0):
        parser.error(f'--memory must be a positive number of GiB, got {args.memory}')
    check_output(parser, 'name', args.name)
    return args


def new_config(name: str) -> Path:
    """Return the file of a config of that name, which must not be there yet."""
    path = Path(name if name.endswith('.py') else f'{name}.py')
    fault = find_name_fault(path.name) if Path(name).name else 'names no file'
    if fault is not None:
        raise ArgumentTypeError(f'{name or "(empty)"} {fault}')
    if path.exists() or path.is_symlink():
        raise ArgumentTypeError(f'{path} exists already: give another name, or delete it')
    return path


def data_folder(path: str) -> str:
    """Check that a folder is there."""
    if not Path(path).is_dir():
        raise ArgumentTypeError(f'{path or "(empty)"} is no folder')
    return path


def this_machine() -> 'Machine':
    """Return what this machine trains on.

    Raises:
        ValueError: If it does not tell its memory.
    """
    import torch

    from ..engine.starting_config import Machine
    from ..engine.training_memory import GIB
    from ..runtime.machine import host_memory

    if torch.cuda.is_available():
        return Machine(torch.cuda.get_device_properties(0).total_memory / GIB, has_gpu=True)
    try:
        held = host_memory()
    except OSError as error:
        raise ValueError(f'{error}: give --memory') from None
    # Other programs and the data workers need the other half.
    return Machine(held / 2 / GIB, has_gpu=False)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Write the config, and say how to go on."""
    args = parse_args(argv, prog)
    from mmengine.registry import init_default_scope

    from ..engine.starting_config import Machine, starting_config
    from .config_file import read_checked_file

    init_default_scope('mmdet')
    machine = this_machine() if args.memory is None else Machine(args.memory, has_gpu=True)
    text = starting_config(args.data, machine)
    args.name.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(args.name, text.encode())
    weights = read_checked_file(str(args.name)).get('load_from')
    name = quote(str(args.name))
    print(f'{args.name} is written; next: kmax-deeplab check {name}, kmax-deeplab train {name}')
    if weights is not None:
        print(f'training starts from {weights}, which it downloads and converts if need be')

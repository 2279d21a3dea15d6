"""What command lines have in common, and the config that they name."""

import errno
import os
import re
import tempfile
from argparse import (
    SUPPRESS,
    Action,
    ArgumentError,
    ArgumentParser,
    ArgumentTypeError,
    Namespace,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kmax_deeplab import cli
from kmax_deeplab.configs import find_config
from kmax_deeplab.paths import MAX_NAME

if TYPE_CHECKING:
    from mmengine.config import Config

    from kmax_deeplab.runtime import PanopticModel

LEAST_SIDE = 64
"""Pixels of a side of the network's input."""

ENGINES = ('auto', 'onnxruntime', 'openvino')
"""Those of ``kmax_deeplab.exported.engines``."""

OTHERS_NAMED = {'tools/test.py': 'test', 'tools/pseudo_label.py': 'label'}
"""Subcommand for each tool that the description of another one names."""

OWN_CALL = re.compile(r'``(python tools/)?\w+\.py(?= )')
"""How the description of a tool calls it, with what it takes."""


class SubcommandParser(cli.Parser):
    """Names the subcommands that have an option which this one has not."""

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r'unrecognized arguments: (--[\w-]+)', message)
        others = list(cli.commands_with(unknown[1])) if unknown else []
        if unknown and others:
            message = f'{unknown[1]} is an option of {", ".join(others)}, not of this subcommand'
        super().error(message)


def make_parser(description: str | None, prog: str | None, examples: str) -> ArgumentParser:
    """Return the parser of a command; its arguments have the field ``prog`` for messages.

    Where the caller gives a ``prog``, the description calls it, and other subcommands, instead of
    tools.

    Args:
        description: What the command does; lines of several stand as they are written.
        prog: How to call it, or None in a tool.
        examples: At most three lines that run as they stand, as the installed command has them,
            the most usual first.
    """
    text = description or ''
    kind: type[cli.Parser] = cli.Parser
    if prog is not None:
        kind, text = SubcommandParser, re.sub(OWN_CALL, f'``{prog}', text, count=1)
        for tool, name in OTHERS_NAMED.items():
            text = text.replace(tool, f'{cli.COMMAND} {name}')
    parser = kind(prog=prog, description=text, examples=examples)
    parser.set_defaults(prog=parser.prog)
    # Read by kmax_deeplab.cli, before and after the others are.
    parser.add_argument(
        '--traceback', action='store_true', help='print more of an error than one line'
    )
    return parser


def existing_file(path: str) -> str:
    """Check a command line's path; URLs pass."""
    if '://' not in path and not Path(path).is_file():
        is_folder = bool(path) and Path(path).is_dir()
        fault = 'is a folder, not a file' if is_folder else 'does not exist'
        raise ArgumentTypeError(f'file {path or "(empty)"} {fault}')
    return path


def config_file(config: str) -> str:
    """Return the file of a config that a command line gives by path or by name; URLs pass."""
    try:
        return config if '://' in config else find_config(config)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def check_output(parser: ArgumentParser, option: str, path: str | Path | None) -> None:
    """Refuse a file to write that cannot be one, before the work that it would hold is done."""
    if path is None:
        return
    path = Path(path)
    folder = path.absolute().parent
    # Of a path through a file, the system says that there is none.
    while not folder.exists() and not folder.is_symlink() and folder != folder.parent:
        folder = folder.parent
    fault = None
    if any(len(os.fsencode(part)) > MAX_NAME for part in path.parts):
        fault = f'has a name of more than {MAX_NAME} bytes, which is too long'
    elif path.is_dir():
        fault = 'is a folder; name the file to write'
    elif path.exists() and not path.is_file():
        fault = 'is no regular file, which it would be replaced by'
    elif not folder.is_dir():
        fault = f'cannot be made, as {folder} is no folder'
    elif not os.access(folder, os.W_OK) or not _takes_files(folder):
        fault = f'cannot be written, as nothing may be written to {folder}'
    if fault is not None:
        parser.error(f'{option}: {path} {fault}')


def _takes_files(folder: Path) -> bool:
    """Tell whether a folder takes files, of which its mode does not tell everywhere."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)


def add_config(parser: ArgumentParser) -> None:
    """Add the config of a model."""
    parser.add_argument('config', type=config_file, help='config file of the model')


class Overrides(Action):
    """Says of which word it is that it is no override; mmengine's ``DictAction`` fails on it."""

    def __call__(
        self, parser: ArgumentParser, namespace: Namespace, values: Any, *args: Any, **kwargs: Any
    ) -> None:
        for value in values:
            if not value.partition('=')[0].strip() or '=' not in value:
                raise ArgumentError(self, f'{value!r} must be KEY=VALUE; a path comes before them')
        from mmengine.config import DictAction

        read = DictAction(self.option_strings, self.dest, self.nargs)
        read(parser, namespace, values, *args, **kwargs)


def add_options_of_config(
    parser: ArgumentParser, text: str = 'override settings of the config'
) -> None:
    """Add what overrides a config's settings."""
    parser.add_argument('--cfg-options', nargs='+', action=Overrides, help=text)


def device(name: str) -> str:
    """Check a device's name, and that the machine has it; ``auto`` is a GPU where there is one."""
    import torch
    from mmengine.device import get_device

    if name == 'auto':
        return get_device()
    try:
        torch.empty(0, device=name)
    # Of other kinds of devices torch says in several ways that it was built without them.
    except Exception as error:
        reason = str(error).partition('\n')[0]
        raise ArgumentTypeError(f'{name} cannot be used here: {reason}') from error
    return name


def add_device(parser: ArgumentParser) -> None:
    """Add where a model runs."""
    parser.add_argument(
        '--device', type=device, default='auto', help='default: a GPU where there is one'
    )


def add_engine(parser: ArgumentParser) -> None:
    """Add what runs an exported file; :func:`check_engine` comes after parsing."""
    parser.add_argument(
        '--engine',
        choices=ENGINES,
        help='what runs an exported file (default: auto, that which is installed)',
    )
    parser.add_argument(
        '--threads', type=int, metavar='N', help='threads of the engine (default: one per core)'
    )


def add_any_device(parser: ArgumentParser) -> None:
    """Add where a model runs, which only the engine of a file, or else torch, knows to exist.

    :func:`check_engine` comes after parsing.
    """
    parser.add_argument('--device', default='auto', help='default: a GPU where there is one')


def is_exported(model: str | None) -> bool:
    """Tell whether a command line names an exported file as its model."""
    return model is not None and model.lower().endswith('.onnx')


def check_engine(
    parser: ArgumentParser, args: Namespace, model: str | None, *of_networks: str
) -> None:
    """Refuse options that do not go with the model, and look for the device of a network.

    Args:
        parser: It has :func:`add_engine`.
        args: What it has parsed.
        model: What the command line names as its model.
        of_networks: Options, as ``amp``, that an exported file cannot heed.
    """
    if is_exported(model):
        for name in of_networks:
            if getattr(args, name):
                option = f'--{name.replace("_", "-")}'
                parser.error(
                    f'{option} is for networks, and cannot change the exported file {model}'
                )
        if args.threads is not None:
            check_least(parser, args, threads=1)
        return
    for option in ('engine', 'threads'):
        if getattr(args, option) is not None:
            parser.error(f'--{option} is for exported files, which end in .onnx')
    if 'device' not in args:
        return
    try:
        args.device = device(args.device)
    except ArgumentTypeError as error:
        parser.error(f'argument --device: {error}')


def load_exported(args: Namespace, file: str) -> 'PanopticModel':
    """Load an exported file as a command line with :func:`add_engine` says."""
    from kmax_deeplab.runtime import PanopticModel

    place = None if args.device == 'auto' else args.device
    return PanopticModel(file, args.engine or 'auto', device=place, threads=args.threads)


def add_model(parser: ArgumentParser, exported: bool = False) -> None:
    """Add the model that predicts; :func:`locate` finds it.

    Args:
        parser: Of the command.
        exported: Whether it may be an exported file, too; see :func:`check_engine`.
    """
    files = ', or an exported file (.onnx)' if exported else ''
    parser.add_argument(
        '--model',
        metavar='NAME|CONFIG|ONNX' if exported else 'NAME|CONFIG',
        help=f'a released model, or a config by path or name{files} (default: the demo model that '
        'tools/quickstart.sh leaves in work_dirs/quickstart)',
    )
    parser.add_argument(
        '--weights',
        type=existing_file,
        metavar='FILE',
        help='its checkpoint; released models have their own',
    )
    add_mirror(parser)


def add_mirror(parser: ArgumentParser) -> None:
    """Add where released weights are downloaded from."""
    parser.add_argument(
        '--mirror', metavar='URL', help='another server to download released weights from'
    )


def locate(args: Namespace) -> tuple[str, str]:
    """Return the config and the weights of the model that a command line names.

    Raises:
        ValueError: If there is no such model, or one has no weights or weights no model.
    """
    from ..released.locating import locate_demo, locate_model

    if args.mirror is not None and (args.weights is not None or args.model is None):
        raise ValueError('--mirror is for the weights of a released model: name one by --model')
    if args.model is not None:
        return locate_model(args.model, args.weights, args.mirror)
    if args.weights is not None:
        raise ValueError(f'--weights {args.weights} needs --model: the config of these weights')
    return locate_demo()


def add_workers(parser: ArgumentParser) -> None:
    """Add the number of processes that read or write files."""
    parser.add_argument('--workers', type=int, default=min(8, os.cpu_count() or 1))


def add_common_arguments(parser: ArgumentParser) -> None:
    """Add the arguments that OpenMMLab's tools have in common."""
    add_config(parser)
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and metrics')
    add_options_of_config(
        parser,
        'override settings of the config, as key=value; nested keys are joined by dots, lists '
        'are written key="[a,b]" without white space',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # Passed by torch.distributed.launch beside the environment variable that is used.
    parser.add_argument('--local_rank', '--local-rank', type=int, help=SUPPRESS)


def add_compile(parser: ArgumentParser) -> None:
    """Add whether the network, and in training its losses, are compiled."""
    parser.add_argument(
        '--compile',
        action='store_true',
        help='compile network and losses by torch.compile: minutes at the first image of each size',
    )


def check_least(parser: ArgumentParser, args: Namespace, **least: int) -> None:
    """Refuse options below a number, as ``--workers 0``."""
    for name, number in least.items():
        if getattr(args, name) < number:
            option = name.replace('_', '-')
            parser.error(f'--{option} must be at least {number}, got {getattr(args, name)}')


def read_config(args: Namespace, *needed: str, **settings: str) -> 'Config':
    """Read the config of the command line with more settings and then its overrides.

    Settings that are ``needed`` must be there, see :func:`.require`.

    Raises:
        KeyError: If it holds a misspelt setting, or lacks a needed one.
    """
    from ..engine.settings import check_settings
    from .config_file import override, read_config_file, require

    cfg = read_config_file(args.config)
    own_names = list(cfg)
    cfg.update(settings)
    override(cfg, args.cfg_options or {})
    check_settings(cfg, own_names, args.cfg_options or {})
    require(cfg, *needed)
    return cfg


def load_config(args: Namespace, *needed: str) -> 'Config':
    """Read the config for a runner: also with its launcher and its work folder.

    Raises:
        KeyError: If it holds a misspelt setting, or lacks a needed one.
        ValueError: If two of its metrics would write the same files.
    """
    from ..evaluation.destinations import check_destinations

    cfg = read_config(args, *needed, launcher=args.launcher)
    check_destinations(cfg)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    return cfg


def add_input_size(parser: ArgumentParser) -> None:
    """Add ``--size`` of the network's input."""
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        metavar=('HEIGHT', 'WIDTH'),
        help="size of the input (default: what the config's test images are padded to)",
    )


def check_input_size(parser: ArgumentParser, args: Namespace) -> None:
    """Refuse a ``--size`` that no network takes."""
    if args.size is not None and min(args.size) < LEAST_SIDE:
        parser.error(f'argument --size: {args.size} must be at least {LEAST_SIDE} each')

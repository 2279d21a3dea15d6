"""What command lines have in common, and the config that they name."""

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from mmengine.config import Config, DictAction

from ..engine.settings import check_settings
from ..evaluation.destinations import check_destinations


def existing_file(path: str) -> str:
    """Check a command line's path; URLs pass."""
    if '://' not in path and not Path(path).is_file():
        raise ArgumentTypeError(f'file {path} does not exist')
    return path


def add_common_arguments(parser: ArgumentParser) -> None:
    """Add the arguments that OpenMMLab's tools have in common."""
    parser.add_argument('config', type=existing_file, help='config file of the model')
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and metrics')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config, as key=value; nested keys are joined by dots, lists '
        'are written key="[a,b]" without white space',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # Passed by torch.distributed.launch beside the environment variable that is used.
    parser.add_argument('--local_rank', '--local-rank', type=int, help=SUPPRESS)


def load_config(args: Namespace) -> Config:
    """Read the config of the command line, with its overrides and its work folder.

    Raises:
        KeyError: If it holds a misspelt setting.
        ValueError: If two of its metrics would write the same files.
    """
    cfg = Config.fromfile(args.config)
    own_names = list(cfg)
    cfg.launcher = args.launcher
    cfg.merge_from_dict(args.cfg_options or {})
    check_settings(cfg, own_names, args.cfg_options or {})
    check_destinations(cfg)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    return cfg

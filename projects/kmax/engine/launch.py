"""What ``tools/train.py`` and ``tools/test.py`` share: their config, and the machine they meet."""

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from torch import distributed


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
    """Read the config of the command line, with its overrides and its work folder."""
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    cfg.merge_from_dict(args.cfg_options or {})
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    return cfg


def adapt_to_machine(cfg: Config) -> None:
    """Make a config written for GPUs run without one, distributed or not.

    Batch norm is then not synchronised, as torch can only do so on GPUs. Distributed runs use gloo,
    initialised here because mmengine would select a GPU first
    (https://github.com/open-mmlab/mmengine, ``mmengine/dist/utils.py``).

    Raises:
        RuntimeError: If the launcher is one that cannot do without GPUs.
    """
    if torch.cuda.is_available():
        return
    cfg.pop('sync_bn', None)
    if cfg.launcher == 'none':
        return
    if cfg.launcher != 'pytorch':
        raise RuntimeError(
            f'--launcher {cfg.launcher} needs GPUs and none was found; on CPUs use '
            'tools/dist_train.sh or tools/dist_test.sh'
        )
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
    )
    distributed.init_process_group('gloo')

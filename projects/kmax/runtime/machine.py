"""What a config and a process need on the machine that they meet."""

import gc
import os
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import distributed

from .installed import check_tracking, use_no_workers
from .malloc import keep_freed_memory

CGROUP_LIMITS = (
    '/sys/fs/cgroup/memory.max',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes',
)
"""Where a container is told how much memory it may use, in versions 2 and 1 of Linux's cgroups."""

RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')
"""Where launchers tell a process its number."""


def adapt_to_machine(cfg: Config) -> None:
    """Make a config written for GPUs run without one, distributed or not.

    Batch norm is then not synchronised, as torch can only do so on GPUs; its statistics are
    averaged where they are used. Distributed runs use gloo, initialised here because mmengine
    would select a GPU first (https://github.com/open-mmlab/mmengine, ``mmengine/dist/utils.py``).
    On every machine the host's allocator keeps what is freed, for the data workers too.

    Raises:
        ValueError: If experiments are to be tracked by a package that is not installed.
        RuntimeError: If the launcher is one that cannot do without GPUs, or did not start this
            process.
    """
    keep_freed_memory()
    check_tracking(cfg)
    use_no_workers(cfg)
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
    cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(type='AverageNormStatisticsHook')]
    meet(cfg.launcher)


def meet(launcher: str, **options: Any) -> None:
    """Let the processes that a launcher started meet on their CPUs.

    Args:
        launcher: What the command line calls it, for the message.
        **options: Of torch's ``init_process_group``.

    Raises:
        RuntimeError: If the launcher did not start this process, or they cannot meet.
    """
    try:
        distributed.init_process_group('gloo', **options)
    # Of what a launcher sets torch says in several ways that it is missing, taken or no number.
    except (ValueError, RuntimeError) as error:
        raise RuntimeError(
            f'--launcher {launcher}: the processes cannot meet: start them by '
            'tools/dist_run.sh or torchrun, with a PORT that is free, as it '
            f'sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT ({error})'
        ) from error


def host_memory() -> int:
    """Return the bytes of memory of this machine, or of the container whose root this is.

    Raises:
        OSError: If the system does not tell.
    """
    try:
        held = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    except (AttributeError, ValueError):
        raise OSError('this system does not tell its memory') from None
    limits = (Path(path).read_text().strip() for path in CGROUP_LIMITS if Path(path).is_file())
    return min([held, *(int(limit) for limit in limits if limit.isdecimal())])


def leads(cfg: Config) -> bool:
    """Tell whether this process is the first of its run, before the others are met."""
    numbers = (os.environ.get(name) for name in RANKS)
    return cfg.launcher == 'none' or next((n for n in numbers if n is not None), '0') == '0'


def leave_group() -> None:
    """End a distributed run; gloo's threads would abort a process that ends with them alive.

    To be called when nothing refers to the model any more.
    """
    if distributed.is_initialized():
        # Its wrapper keeps the group, and is part of reference cycles.
        gc.collect()
        distributed.destroy_process_group()

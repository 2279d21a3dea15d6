"""What the tools share: their config, the machine they meet, and the checkpoints they get."""

import gc
import logging
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import distributed

from projects.kmax.engine.class_rows import CLASS_LAYERS
from projects.kmax.engine.config_check import check_keys
from projects.kmax.engine.malloc import keep_freed_memory
from projects.kmax.engine.model_parts import rename_for_model, unwrap_model
from projects.kmax.evaluation.destinations import check_destinations

# The share of a model's weights that a checkpoint may lack: parts used in training only, or added.
MAX_MISSING = 0.1
SHOWN_KEYS = 5
NEW_CLASSES_HINT = (
    '; only the numbers of classes differ: correct num_things_classes, num_stuff_classes and '
    'num_classes in the config, or fine-tune to other classes with load_from and '
    'tools/train.py --new-classes'
)


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
    check_keys(cfg, own_names, args.cfg_options or {})
    check_destinations(cfg)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    return cfg


def adapt_to_machine(cfg: Config) -> None:
    """Make a config written for GPUs run without one, distributed or not.

    Batch norm is then not synchronised, as torch can only do so on GPUs; its statistics are
    averaged where they are used. Distributed runs use gloo, initialised here because mmengine
    would select a GPU first (https://github.com/open-mmlab/mmengine, ``mmengine/dist/utils.py``).
    On every machine the host's allocator keeps what is freed, for the data workers too.

    Raises:
        RuntimeError: If the launcher is one that cannot do without GPUs.
    """
    keep_freed_memory()
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
    distributed.init_process_group('gloo')


def use_tta(cfg: Config) -> None:
    """Wrap a config's model and test data for test-time augmentation.

    Raises:
        KeyError: If it lacks ``tta_model`` or ``tta_pipeline``.
    """
    for name in ('tta_model', 'tta_pipeline'):
        if name not in cfg:
            raise KeyError(f'--tta: {cfg.filename} lacks {name}; see configs/kmax/_base_/datasets')
    cfg.model = {**cfg.tta_model, 'module': cfg.model}
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    dataset.pipeline = cfg.tta_pipeline


def leave_group() -> None:
    """End a distributed run; gloo's threads would abort a process that ends with them alive.

    To be called when nothing refers to the model any more.
    """
    if distributed.is_initialized():
        # Its wrapper keeps the group, and is part of reference cycles.
        gc.collect()
        distributed.destroy_process_group()


def continues_with_new_classes(cfg: Config) -> bool:
    """Tell whether a config has the hook that lets a training continue with other classes."""
    hooks = [*cfg.get('default_hooks', {}).values(), *cfg.get('custom_hooks', [])]
    return any(
        hook.get('type') == 'MapClassesHook' and hook.get('new_classes', False)
        for hook in hooks
        if isinstance(hook, dict)
    )


def read_weights(path: str) -> dict[str, Any]:
    """Read the weights in a checkpoint.

    Args:
        path: The file, or its URL.

    Returns:
        Tensors by name, without the prefix of a model wrapper.

    Raises:
        ValueError: If the file is damaged or is no checkpoint.
    """
    try:
        content = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    # A damaged pickle can raise nearly any exception.
    except Exception as error:
        raise ValueError(f'checkpoint {path} cannot be read, it may be damaged: {error}') from error
    weights = content.get('state_dict', content) if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not any(map(torch.is_tensor, weights.values())):
        raise ValueError(f'checkpoint {path} holds no weights')
    return {name.removeprefix('module.'): value for name, value in weights.items()}


def check_weights(
    model: Any,
    weights: dict[str, Any],
    path: str,
    *,
    starts: bool = False,
    new_classes: bool = False,
) -> None:
    """Check that weights belong to a model of this architecture; mmengine only warns.

    Args:
        model: The model, possibly wrapped for distributed use.
        weights: Tensors by name.
        path: Their file, for the message.
        starts: Whether a training starts from them; whole parts of the model, as all but the
            backbone, may then be missing.
        new_classes: Whether layers whose shapes depend on the number of classes may differ; they
            are warned of. MapClassesHook fills them from the checkpoint as far as it can.

    Raises:
        ValueError: If a shape differs or too many weights are missing.
    """
    model = unwrap_model(model)
    rename_for_model(weights, model)
    own = model.state_dict()
    own = {name: value for name, value in own.items() if 'num_batches_tracked' not in name}
    other = [name for name in own if name in weights and weights[name].shape != own[name].shape]
    shapes = {
        name: f'{name}: {tuple(weights[name].shape)} instead of {tuple(own[name].shape)}'
        for name in other
    }
    depends = all(CLASS_LAYERS.fullmatch(name) for name in other)
    if other and new_classes and depends:
        print_log(
            f'in checkpoint {path} layers are for other classes: ' + ', '.join(shapes.values()),
            logger='current',
            level=logging.WARNING,
        )
    elif other:
        message = _mismatch(path, 'weights have other shapes', list(shapes.values()), len(own))
        raise ValueError(message + (NEW_CLASSES_HINT if depends else ''))
    parts = {name.partition('.')[0] for name in own if name in weights or not starts}
    expected = [name for name in own if name.partition('.')[0] in parts] or list(own)
    missing = [name for name in expected if name not in weights]
    if len(missing) > MAX_MISSING * len(expected):
        raise ValueError(_mismatch(path, 'weights are missing', missing, len(expected)))


def _mismatch(path: str, fault: str, names: list[str], total: int) -> str:
    shown = ', '.join(names[:SHOWN_KEYS]) + (', ...' if len(names) > SHOWN_KEYS else '')
    return (
        f'checkpoint {path} is not one of the model in the config: {len(names)} of {total} '
        f'{fault}: {shown}'
    )

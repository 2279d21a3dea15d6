"""Refuses misspelt settings, which mmengine would ignore or tell of too late."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from mmengine import registry
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope, Registry, init_default_scope
from mmengine.runner import Runner
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.utils.data import DataLoader

from ..models.detector import KMaXDeepLab
from ..models.postprocess import PostprocessConfig
from ..models.targets import build_targets


def _arguments(*functions: Any) -> set[str]:
    """Return the names of all arguments of some functions."""
    return {name for function in functions for name in inspect.signature(function).parameters}


DATALOADER = _arguments(DataLoader) | {'num_batch_per_epoch'}
# What is read from settings that need no type.
UNTYPED = {
    'auto_scale_lr': {'enable', 'base_batch_size'},
    'env_cfg': {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'},
    'optim_wrapper.clip_grad': {'type'} | _arguments(clip_grad_norm_, clip_grad_value_),
    'randomness': {'seed', 'diff_rank_seed', 'deterministic'},
    'test_dataloader': DATALOADER,
    'train_dataloader': DATALOADER,
    'val_dataloader': DATALOADER,
}
# What KMaXDeepLab reads from model.train_cfg and model.test_cfg.
TARGETS = _arguments(build_targets) - {'batch_data_samples', 'num_things_classes'}
POSTPROCESS = {field.name for field in fields(PostprocessConfig)}
# The types of settings that leave them out.
DEFAULT_TYPES = {
    'log_processor': ('LogProcessor',),
    'optim_wrapper': ('OptimWrapper',),
    'test_cfg': ('TestLoop',),
    'train_cfg': ('EpochBasedTrainLoop', 'IterBasedTrainLoop'),
    'val_cfg': ('ValLoop',),
}
# Keys of typed settings that are not arguments of the type itself.
ADDED = {
    'custom_hooks': {'priority'},
    'default_hooks': {'priority'},
    'optim_wrapper': {'constructor', 'paramwise_cfg'},
    'param_scheduler': {'convert_to_iter_based'},
    'train_cfg': {'by_epoch'},
}
SECTIONS = (
    'auto_scale_lr',
    'custom_hooks',
    'default_hooks',
    'env_cfg',
    'log_processor',
    'model',
    'optim_wrapper',
    'param_scheduler',
    'randomness',
    'test_cfg',
    'test_dataloader',
    'test_evaluator',
    'train_cfg',
    'train_dataloader',
    'val_cfg',
    'val_dataloader',
    'val_evaluator',
    'visualizer',
)
# Read from the config: arguments of the runner, and what it or the tools find besides.
TOP_LEVEL = (_arguments(Runner) - {'cfg'}) | {
    'activation_checkpointing',
    'backend_args',
    'compile',
    'custom_imports',
    'dist_params',
    'efficient_conv_bn_eval',
    'file_client_args',
    'find_unused_parameters',
    'gpu_ids',
    'model_wrapper_cfg',
    'runner_type',
    'sync_bn',
    'tta_model',
    'tta_pipeline',
    'vis_backends',
}
# Variables of OpenMMLab's configs that look like misspelt settings.
VARIABLES = {'test_pipeline', 'train_pipeline', 'val_pipeline'}
SIMILAR = 0.82


def check_keys(cfg: Config, own_names: Iterable[str] = (), overrides: Iterable[str] = ()) -> None:
    """Check the names of settings.

    At the top level, where configs keep variables of their own, a name is refused that nearly is
    one that is read. Below, it is refused if the class that ``type`` names has no such argument;
    settings of a class that takes any argument are refused if they nearly are one it names.

    Args:
        cfg: The config with its overrides.
        own_names: Names at the top level of the config file.
        overrides: Names given on the command line; their first part must be in the file or read.

    Raises:
        KeyError: If a name is refused; tells it and what may have been meant.
    """
    for override in overrides:
        name = override.partition('.')[0]
        if name not in TOP_LEVEL and name not in own_names:
            raise KeyError(_message(override, name, TOP_LEVEL))
    for name in cfg:
        is_free = name in TOP_LEVEL or name in VARIABLES
        if not is_free and get_close_matches(name, TOP_LEVEL, 1, SIMILAR):
            raise KeyError(_message(name, name, TOP_LEVEL))
    init_default_scope(cfg.get('default_scope') or 'mmengine')
    # Imports the registries of the scope.
    with MODELS.switch_scope_and_registry(None):
        pass
    for section in SECTIONS:
        for path, settings in _walk(section, cfg.get(section)):
            _check_settings(path, settings, ADDED.get(section, set()))
    _check_configs_of_kmax(cfg)


def _walk(path: str, value: Any) -> Iterator[tuple[str, dict]]:
    """Return all dicts in a setting, with their paths."""
    if isinstance(value, dict):
        yield path, value
    items: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, (list, tuple)):
        items = enumerate(value)
    if _is_foreign_module(path, value):
        return
    for key, child in items:
        # norm_cfg and its like take more than the class that they name.
        if not str(key).endswith('_cfg'):
            yield from _walk(f'{path}.{key}', child)


def _is_foreign_module(path: str, value: Any) -> bool:
    """Tell if a dict is of a network that is not ours and may rewrite what is below it."""
    if path.partition('.')[0] != 'model' or not isinstance(value, dict):
        return False
    return not all(kind.__module__.startswith('projects.') for kind in _find(value.get('type')))


def _check_settings(path: str, settings: dict, added: set[str]) -> None:
    if path in UNTYPED:
        _check_names(path, settings, UNTYPED[path])
    elif 'type' in settings or path in DEFAULT_TYPES:
        kinds = [settings['type']] if 'type' in settings else DEFAULT_TYPES[path]
        found = [_accepted(one) for kind in kinds for one in _find(kind)]
        known = {'type', '_scope_'}.union(added, *(names for names, _ in found))
        takes_any = not found or any(is_open for _, is_open in found)
        _check_names(path, settings, known, takes_any)


def _check_configs_of_kmax(cfg: Config) -> None:
    """Check what is read as a whole where it is used."""
    model, wrapper = cfg.get('model') or {}, cfg.get('optim_wrapper') or {}
    if KMaXDeepLab in _find(model.get('type')):
        _check_names('model.train_cfg', model.get('train_cfg') or {}, TARGETS)
        _check_names('model.test_cfg', model.get('test_cfg') or {}, POSTPROCESS)
    if wrapper.get('constructor') == 'KMaXOptimWrapperConstructor':
        paramwise = wrapper.get('paramwise_cfg') or {}
        _check_names('optim_wrapper.paramwise_cfg', paramwise, {'backbone_lr_mult'})


def _check_names(path: str, settings: dict, known: set[str], takes_any: bool = False) -> None:
    for name in settings:
        is_close = bool(get_close_matches(str(name), known, 1, SIMILAR))
        if name not in known and (is_close or not takes_any):
            raise KeyError(_message(f'{path}.{name}', str(name), known))


def _find(kind: Any) -> list[Any]:
    """Return what a type may stand for: registries do not share their names."""
    if not isinstance(kind, str):
        return [] if kind is None else [kind]
    scope = DefaultScope.get_current_instance().scope_name
    roots = [root for root in vars(registry).values() if isinstance(root, Registry)]
    candidates = [root.children.get(scope, root).get(kind) for root in roots]
    return [candidate for candidate in candidates if candidate is not None]


def _accepted(kind: Any) -> tuple[set[str], bool]:
    """Return the names of all arguments, and whether any other name may be given, too."""
    is_class = inspect.isclass(kind)
    calls = [vars(owner).get('__init__') for owner in inspect.getmro(kind)] if is_class else [kind]
    names: set[str] = set()
    for call in calls:
        if inspect.isfunction(call):
            parameters = inspect.signature(call).parameters.values()
            names.update(parameter.name for parameter in parameters)
            if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
                return names, False
    return names, True


def _message(path: str, name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(known), 1)
    hint = f'; did you mean {close[0]}?' if close else ''
    return f'unknown setting {path} in the config or --cfg-options{hint}'

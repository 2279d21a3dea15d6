"""Which settings mmengine reads from a config, taken from its signatures and its source.

Where a setting is no argument, a function of mmengine reads it from a dict, by a constant name:
``cfg.get('sync_bn')``.
"""

import ast
import inspect
import textwrap
from functools import cache
from typing import Any

import mmengine
from mmengine.config import Config
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper, build_optim_wrapper
from mmengine.registry import build_runner_from_cfg, build_scheduler_from_cfg
from mmengine.runner import Runner
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.utils.data import DataLoader

# Variables that OpenMMLab's configs share, and that are as easily misspelt as what is read.
SHARED = {'backend_args', 'dist_params', 'file_client_args', 'vis_backends'}


class UnreadableError(Exception):
    """This mmengine does not read its settings where, or as, they are looked for here."""


def read_all() -> None:
    """Raise an :class:`UnreadableError` unless all that follows can be read."""
    for table in (top_level, sections, untyped, default_types, added):
        if not table():
            raise UnreadableError(f'mmengine {mmengine.__version__} has no {table.__name__}')


@cache
def top_level() -> frozenset[str]:
    """Return the names at the top level of a config that are read, in the end or in its files."""
    return frozenset(SHARED | overridable() | names_read(Config.fromfile, 'cfg_dict'))


@cache
def overridable() -> frozenset[str]:
    """Return the names at the top level that are still read when all files are."""
    read = names_read(Runner, 'self.cfg') | names_read(Runner.resume, 'config')
    read |= names_read(build_runner_from_cfg, 'args')
    return frozenset((arguments(Runner) - {'cfg'}) | read)


@cache
def sections() -> tuple[str, ...]:
    """Return the names at the top level whose values may be dicts."""
    parameters = inspect.signature(Runner).parameters.values()
    annotations = {p.name: str(p.annotation).lower() for p in parameters if p.name != 'cfg'}
    return tuple(name for name, annotation in annotations.items() if 'dict' in annotation)


@cache
def untyped() -> dict[str, set[str]]:
    """Return the names in those settings that need no type."""
    clipping = arguments(clip_grad_norm_, clip_grad_value_)
    loader = arguments(DataLoader) | names_read(Runner.build_dataloader, 'dataloader_cfg')
    return {
        'auto_scale_lr': names_read(Runner.scale_lr, 'auto_scale_lr'),
        'env_cfg': names_read(Runner.setup_env, 'env_cfg'),
        'optim_wrapper.clip_grad': clipping | names_read(OptimWrapper.__init__, 'clip_grad'),
        'randomness': arguments(Runner.set_randomness) - {'self'},
        **{f'{split}_dataloader': loader for split in ('train', 'val', 'test')},
    }


@cache
def default_types() -> dict[str, set[str]]:
    """Return the types of those settings that may leave them out."""
    return {
        'log_processor': types_called(Runner.build_log_processor),
        'optim_wrapper': types_called(DefaultOptimWrapperConstructor.__call__),
        'test_cfg': types_called(Runner.build_test_loop),
        'train_cfg': types_called(Runner.build_train_loop),
        'val_cfg': types_called(Runner.build_val_loop),
    }


@cache
def added() -> dict[str, set[str]]:
    """Return the names in the dicts of a section that are not for what their type names."""
    hooks = names_read(Runner.register_hook, 'hook')
    return {
        'custom_hooks': hooks,
        'default_hooks': hooks,
        'optim_wrapper': names_read(build_optim_wrapper, 'optim_wrapper_cfg'),
        'param_scheduler': names_read(build_scheduler_from_cfg, 'args'),
        'train_cfg': names_read(Runner.build_train_loop, 'loop_cfg'),
    }


def arguments(*functions: Any) -> set[str]:
    """Return the names of all arguments of some functions."""
    return {name for function in functions for name in inspect.signature(function).parameters}


def names_read(code: Any, variable: str) -> set[str]:
    """Return the names that the source of a function or class reads from a dict of that name."""
    names = set()
    for node in _nodes(code):
        match node:
            case (
                ast.Call(
                    func=ast.Attribute(value=owner, attr='get' | 'pop' | 'setdefault'),
                    args=[ast.Constant(value=str(name)), *_],
                )
                | ast.Compare(
                    left=ast.Constant(value=str(name)), ops=[ast.In()], comparators=[owner]
                )
                | ast.Subscript(value=owner, slice=ast.Constant(value=str(name)))
            ) if ast.unparse(owner) == variable:
                names.add(name)
    return _unless_empty(names, f'names are read from {variable}', code)


def types_called(function: Any) -> set[str]:
    """Return the types that a function gives to settings without one."""
    names = set()
    for node in _nodes(function):
        match node:
            # LogProcessor(**log_processor_cfg)
            case ast.Call(func=ast.Name(id=name), keywords=[ast.keyword(arg=None), *_]):
                names.add(name)
            # optim_wrapper_cfg.setdefault('type', 'OptimWrapper')
            case ast.Call(
                func=ast.Attribute(attr='setdefault'),
                args=[ast.Constant(value='type'), ast.Constant(value=str(name))],
            ):
                names.add(name)
    return _unless_empty(names, 'types are called', function)


def _unless_empty(names: set[str], action: str, code: Any) -> set[str]:
    if not names:
        place = f'{code.__qualname__} of mmengine {mmengine.__version__}'
        raise UnreadableError(f'no {action} in {place}')
    return names


def _nodes(code: Any) -> list[ast.AST]:
    try:
        source = inspect.getsource(code)
    except OSError as error:
        raise UnreadableError(f'{code.__qualname__}: {error}') from error
    return list(ast.walk(ast.parse(textwrap.dedent(source))))

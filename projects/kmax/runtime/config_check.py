"""Refuses misspelt settings and impossible values, of which mmengine tells too late or never."""

import inspect
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from mmengine import registry
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import MODELS, DefaultScope, Registry, init_default_scope

from . import known_settings
from .setting_values import check_top_level, check_values

# Variables of OpenMMLab's configs that look like misspelt settings.
VARIABLES = {'test_pipeline', 'train_pipeline', 'val_pipeline'}
SIMILAR = 0.82


@dataclass(frozen=True)
class OwnSettings:
    """What a package on top of mmengine reads from a config.

    Attributes:
        package: The package. A part of the model from another one may rewrite the settings of its
            own parts, which are not looked at.
        top_level: Names that it reads at the top level of a config.
        parts: For a class, names in those of its arguments that are dicts, by argument.
    """

    package: str = ''
    top_level: frozenset[str] = frozenset()
    parts: Mapping[type, Mapping[str, set[str]]] = field(default_factory=dict)


def check_keys(
    cfg: Config,
    own_names: Iterable[str] = (),
    overrides: Iterable[str] = (),
    own: OwnSettings = OwnSettings(),
) -> None:
    """Check the names of settings, and their values as :func:`check_values` does.

    A name at the top level is refused in two cases only, as configs keep variables of their own
    there: if the command line gives it, but nothing reads it once the files are read; and if
    nothing reads it, but its spelling is close to that of a name that is read.

    A name below the top level is refused if the class that ``type`` names has no such argument. If
    that class takes any argument, it is refused only if its spelling is close to one of those
    that the class names.

    The config is that with its overrides, ``own_names`` are those at the top level of its file,
    ``overrides`` those given on the command line, with dots. A KeyError tells the name and what may
    have been meant.
    """
    try:
        known_settings.read_all()
    except known_settings.UnreadableError as error:
        message = f'names of settings are not checked: {error}'
        print_log(message, logger='current', level=logging.WARNING)
        return
    top_level = known_settings.top_level() | own.top_level
    for override in overrides:
        name = override.partition('.')[0]
        if name not in top_level and name not in own_names:
            raise KeyError(_message(override, name, top_level))
        if name not in known_settings.overridable() | own.top_level:
            raise KeyError(_refuse_variable(name, cfg))
    for name in cfg:
        is_free = name in top_level or name in VARIABLES
        if not is_free and get_close_matches(name, top_level, 1, SIMILAR):
            raise KeyError(_message(name, name, top_level))
    scope = cfg.get('default_scope') or 'mmengine'
    if scope not in MODELS.children and scope != 'mmengine' and find_spec(scope) is None:
        raise ValueError(f'default_scope is {scope!r}, but no package of that name is installed')
    init_default_scope(scope)
    # Imports the registries of the scope.
    with MODELS.switch_scope_and_registry(None):
        pass
    check_top_level(cfg)
    for section in known_settings.sections():
        for path, settings in _walk(section, cfg.get(section), own.package):
            _check_settings(path, settings, own)


def _walk(path: str, value: Any, package: str) -> Iterator[tuple[str, dict]]:
    """Return all dicts in a setting, with their paths."""
    if isinstance(value, dict):
        yield path, value
    items: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, (list, tuple)):
        items = enumerate(value)
    if _is_of_another_package(path, value, package):
        return
    for key, child in items:
        # norm_cfg and its like take more than the class that they name.
        if not str(key).endswith('_cfg'):
            yield from _walk(f'{path}.{key}', child, package)


def _is_of_another_package(path: str, value: Any, package: str) -> bool:
    if path.partition('.')[0] != 'model' or not isinstance(value, dict):
        return False
    return not all(kind.__module__.startswith(package) for kind in _find(value.get('type')))


def _check_settings(path: str, settings: dict, own: OwnSettings) -> None:
    untyped, default_types = known_settings.untyped(), known_settings.default_types()
    if path in untyped:
        _check_names(path, settings, untyped[path])
        return check_values(path, settings, ())
    if 'type' not in settings and path not in default_types:
        return
    types = [settings['type']] if 'type' in settings else default_types[path]
    kinds = [kind for name in types for kind in _find(name)]
    name = settings.get('type')
    if not kinds and isinstance(name, str) and name.rpartition('.')[2] not in _registered():
        close = get_close_matches(name, sorted(_registered()), 1)
        hint = f'; did you mean {close[0]}?' if close else ''
        raise KeyError(f'{path}.type is {name!r}, but no class of that name is registered{hint}')
    accepted = [_accepted(kind) for kind in kinds]
    added = known_settings.added().get(path.partition('.')[0], set())
    known = {'type', '_scope_'}.union(added, *(names for names, _ in accepted))
    takes_any = not accepted or any(is_open for _, is_open in accepted)
    _check_names(path, settings, known, takes_any)
    check_values(path, settings, kinds)
    for kind in [*kinds, *_find(settings.get('constructor'))]:
        for name, parts in own.parts.get(kind, {}).items():
            _check_names(f'{path}.{name}', settings.get(name) or {}, parts)


def _registered() -> set[str]:
    """Return the names of all classes, of whatever registry: parts may be built in other scopes."""
    roots = [root for root in vars(registry).values() if isinstance(root, Registry)]
    places = [place for root in roots for place in (root, *root.children.values())]
    return {name for place in places for name in place.module_dict}


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


def _refuse_variable(name: str, cfg: Config) -> str:
    """Say of an override that only the files of a config read it, and what may be meant."""
    before = Config.fromfile(cfg.filename) if cfg.filename else cfg
    sections = known_settings.sections()
    paths = [
        path
        for section in sections
        for path in _places(section, before.get(section), name, before.get(name))
    ]
    named = f'override {", ".join(paths)}' if paths else 'override the settings made of it'
    return (
        f'--cfg-options {name}: only the config files read this variable, so that to override it '
        f'changes nothing: {named}, or set it in a config file'
    )


def _places(path: str, value: Any, name: str, held: Any) -> Iterator[str]:
    """Yield the settings that have the name of a variable, or hold what it does or begins with."""
    begins = isinstance(held, str) and isinstance(value, str) and held and value.startswith(held)
    is_same = isinstance(held, (dict, list, tuple)) and held and value == held
    if path.rpartition('.')[2] == name or begins or is_same:
        yield path
        return
    items: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, (list, tuple)):
        items = enumerate(value)
    for key, child in items:
        yield from _places(f'{path}.{key}', child, name, held)


def _message(path: str, name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(known), 1)
    hint = f'; did you mean {close[0]}?' if close else ''
    return f'unknown setting {path} in the config or --cfg-options{hint}'

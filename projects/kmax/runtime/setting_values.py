"""Refuses values of settings that no class takes, before anything is built.

What kind of value an argument takes its annotation tells; which numbers, where mmengine and torch
do not say so themselves, the tables here. Classes of other packages say it where they are built.
"""

import inspect
import logging
import math
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from numbers import Number
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from mmengine.runner import Runner

from .values import check_number


class Limit(NamedTuple):
    """Which numbers a setting takes: a range, and one that stands for never."""

    least: float | None = None
    most: float | None = None
    whole: bool = False
    never: float | None = None


COUNT, LENGTH, SHARE = Limit(1, whole=True), Limit(0, whole=True), Limit(0, 1)
POSITIVE_OR_ZERO = Limit(0)
COUNT_OR_NEVER = Limit(1, whole=True, never=-1)
SEED = Limit(0, 2**32 - 1, whole=True)
LOADER = dict(batch_size=COUNT, num_workers=LENGTH, prefetch_factor=COUNT, timeout=POSITIVE_OR_ZERO)
RUN = dict(val_interval=COUNT, val_begin=LENGTH)

OF_CLASSES: Mapping[str, Mapping[str, Limit]] = {
    'CheckpointHook': dict(
        interval=COUNT_OR_NEVER, max_keep_ckpts=COUNT_OR_NEVER, save_begin=LENGTH
    ),
    'EMAHook': dict(momentum=SHARE, interval=COUNT, begin_iter=LENGTH, begin_epoch=LENGTH),
    'EarlyStoppingHook': dict(patience=COUNT, min_delta=POSITIVE_OR_ZERO),
    'EpochBasedTrainLoop': dict(max_epochs=COUNT, **RUN),
    'IterBasedTrainLoop': dict(max_iters=COUNT, **RUN),
    'LogProcessor': dict(window_size=COUNT),
    'LoggerHook': dict(interval=COUNT, interval_exp_name=COUNT),
    'OptimWrapper': dict(accumulative_counts=COUNT),
    'Optimizer': dict(lr=POSITIVE_OR_ZERO, weight_decay=POSITIVE_OR_ZERO, momentum=SHARE),
    'VisualizationHook': dict(interval=COUNT, score_thr=SHARE, wait_time=POSITIVE_OR_ZERO),
    '_ParamScheduler': dict(begin=LENGTH, end=COUNT),
}
"""By a class or one that it derives from."""

OF_PATHS: Mapping[str, Mapping[str, Limit]] = {
    'auto_scale_lr': dict(base_batch_size=COUNT),
    'optim_wrapper.clip_grad': dict(max_norm=POSITIVE_OR_ZERO, clip_value=POSITIVE_OR_ZERO),
    'randomness': dict(seed=SEED),
    **{f'{split}_dataloader': LOADER for split in ('train', 'val', 'test')},
}
"""By the place of settings that need no type."""

NAMES: Mapping[Any, str] = {
    bool: 'True or False',
    int: 'a whole number',
    float: 'a number',
    Number: 'a number',
    str: 'a text',
    dict: 'a dict',
    list: 'a list',
    NoneType: 'None',
}
# Given by hand, too: a checkpoint's name.
NOT_AS_ANNOTATED = {'resume'}


def check_top_level(cfg: Mapping[str, Any]) -> None:
    """Raise a ValueError if a setting at the top level is not of a kind that mmengine takes.

    So is a log level, or a way to start processes, that is none.
    """
    env = cfg.get('env_cfg')
    workers = (env.get('mp_cfg') if isinstance(env, Mapping) else None) or {}
    if not isinstance(workers, Mapping):
        raise ValueError(f'env_cfg.mp_cfg is {workers!r}, but must be a dict')
    for name, value, choices in (
        ('log_level', cfg.get('log_level'), logging.getLevelNamesMapping()),
        (
            'env_cfg.mp_cfg.mp_start_method',
            workers.get('mp_start_method'),
            multiprocessing.get_all_start_methods(),
        ),
    ):
        if isinstance(value, str) and value not in choices:
            raise ValueError(f'{name} is {value!r}, but must be one of {", ".join(choices)}')
    wanted = annotations(Runner.__init__)
    for name, value in cfg.items():
        if name in wanted and name not in NOT_AS_ANNOTATED and not fits(value, wanted[name]):
            raise ValueError(_refusal(name, value, [wanted[name]]))


def check_values(path: str, settings: Mapping[str, Any], kinds: Sequence[Any]) -> None:
    """Check the values in a dict of a config, which is for one of some classes.

    Raises:
        ValueError: If one is of another kind than its class takes, or a number out of the range of
            the tables.
    """
    for name, limit in limits(path, kinds).items():
        if settings.get(name) is not None:
            check_number(f'{path}.{name}', settings[name], **limit._asdict())
    check_kinds(path, settings, [arguments_of(kind) for kind in kinds])


def check_kinds(
    path: str, settings: Mapping[str, Any], tables: Sequence[Mapping[str, Any]]
) -> None:
    """Raise a ValueError if a setting is of none of the kinds that tables of annotations tell."""
    for name, value in settings.items():
        wanted = [table[name] for table in tables if name in table]
        if wanted and not any(fits(value, kind) for kind in wanted):
            raise ValueError(_refusal(f'{path}.{name}', value, wanted))


def limits(path: str, kinds: Sequence[Any]) -> dict[str, Limit]:
    """Return what the tables say of a dict's settings."""
    found = dict(OF_PATHS.get(path, {}))
    for kind in kinds:
        for owner in inspect.getmro(kind) if inspect.isclass(kind) else ():
            name = 'VisualizationHook' if 'VisualizationHook' in owner.__name__ else owner.__name__
            found |= OF_CLASSES.get(name, {})
    return found


@cache
def arguments_of(kind: Any) -> dict[str, Any]:
    """Return the annotations of a class's arguments, as the first class that names them has it."""
    owners = inspect.getmro(kind) if inspect.isclass(kind) else (kind,)
    calls = [vars(owner).get('__init__') if inspect.isclass(owner) else owner for owner in owners]
    found: dict[str, Any] = {}
    for call in calls:
        if inspect.isfunction(call):
            found = annotations(call) | found
            kinds = {p.kind for p in inspect.signature(call).parameters.values()}
            if inspect.Parameter.VAR_KEYWORD not in kinds:
                break
    return found


def annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function's named arguments; none if they cannot be read."""
    try:
        hints = get_type_hints(function)
    # They are code of others, which names what is not imported.
    except Exception:
        return {}
    parameters = inspect.signature(function).parameters.values()
    keywords = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {p.name: hints[p.name] for p in parameters if p.name in hints and p.kind not in keywords}


def fits(value: Any, wanted: Any) -> bool:
    """Tell whether a value of a config may be meant by an annotation; if in doubt, it may.

    Only numbers and texts are judged, and lists where one number is expected: annotations are not
    exact about what holds more.
    """
    origin = get_origin(wanted)
    if origin in (Union, UnionType):
        return any(fits(value, member) for member in get_args(wanted))
    kind = origin or wanted
    if not inspect.isclass(kind) or kind in (object, Literal):
        return True
    if isinstance(value, dict) and kind in (list, tuple, Sequence):
        return False
    if isinstance(value, (list, tuple, dict)):
        return kind not in (bool, int, float, str, NoneType)
    if isinstance(value, str):
        return not issubclass(kind, (Number, float, int, Mapping, NoneType))
    if isinstance(value, bool):
        return kind is bool
    if isinstance(value, (int, float)):
        return _fits_number(value, kind)
    return True


def _fits_number(value: float, kind: type) -> bool:
    # Configs write 0 for False, and 1e5 for a count.
    if kind is bool:
        return value in (0, 1)
    if kind is int:
        return math.isfinite(value) and value == int(value)
    return issubclass(kind, (Number, float)) and not math.isnan(value)


def _refusal(path: str, value: Any, wanted: Sequence[Any]) -> str:
    members: list[Any] = []
    for kind in wanted:
        members += get_args(kind) if get_origin(kind) in (Union, UnionType) else [kind]
    names = dict.fromkeys(_name(member) for member in members if member is not NoneType)
    return f'{path} is {value!r}, but must be {" or ".join(names)}'


def _name(kind: Any) -> str:
    plain = get_origin(kind) or kind
    if plain in NAMES:
        return NAMES[plain]
    if inspect.isclass(plain) and issubclass(plain, Mapping):
        return NAMES[dict]
    if inspect.isclass(plain) and issubclass(plain, Sequence):
        return NAMES[list]
    return getattr(plain, '__name__', str(plain))

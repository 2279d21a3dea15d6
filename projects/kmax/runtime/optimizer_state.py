"""The state of an optimiser in a checkpoint, compared with the optimiser that will read it."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.logging import print_log

SHOWN = 3
MOMENTS = ('exp_avg', 'exp_avg_sq', 'max_exp_avg_sq', 'momentum_buffer', 'square_avg', 'grad_avg')
"""What torch's optimisers call those of each weight."""


def check_optimizer_state(
    checkpoint: dict[str, Any], optimizer: Any, names: Mapping[int, str], path: str
) -> None:
    """Raise a ValueError if an optimiser cannot go on from a checkpoint's state.

    Of single parameters without a state, which then start anew, it is warned.

    Args:
        checkpoint: The checkpoint; its ``optimizer`` is that of ``optimizer.state_dict()``.
        optimizer: The optimiser as the config makes it.
        names: Names of the parameters by their ``id``.
        path: Where the checkpoint was read.
    """
    start = f'--resume: the state of the optimiser in checkpoint {path}'
    saved = checkpoint['optimizer']
    if not isinstance(saved, dict) or not {'state', 'param_groups'} <= set(saved):
        raise ValueError(f'{start} is incomplete: it lacks state or param_groups')
    groups, own = saved['param_groups'], optimizer.param_groups
    sizes, own_sizes = [[len(group['params']) for group in part] for part in (groups, own)]
    if sizes != own_sizes:
        raise ValueError(
            f'{start} is for groups of {sizes} parameters, but the config makes {own_sizes}: '
            'optim_wrapper or the model differ'
        )
    for group, wanted in zip(groups, own, strict=True):
        lacks, extra = set(wanted) - set(group), set(group) - set(wanted)
        if lacks - _initial(lacks) and extra - _initial(extra):
            raise ValueError(
                f'{start} is of another optimiser than {type(optimizer).__name__} of the config: '
                f'it has {sorted(extra - _initial(extra))} for {sorted(lacks - _initial(lacks))}'
            )
    _check_moments(checkpoint, optimizer, names, start)


def _check_moments(
    checkpoint: dict[str, Any], optimizer: Any, names: Mapping[int, str], start: str
) -> None:
    saved = checkpoint['optimizer']
    places = [place for group in saved['param_groups'] for place in group['params']]
    weights = [weight for group in optimizer.param_groups for weight in group['params']]
    states = saved['state']
    # Some keep other moments of matrices than of vectors.
    fields: dict[int, set[str]] = {}
    for place, weight in zip(places, weights, strict=True):
        fields.setdefault(weight.dim(), set()).update(states.get(place) or ())
    missing = []
    for place, weight in zip(places, weights, strict=True):
        name = names.get(id(weight), str(place))
        state = states.get(place)
        if not state:
            missing.append(name)
            continue
        if set(state) != fields[weight.dim()]:
            lacking = sorted(fields[weight.dim()] - set(state))
            raise ValueError(f'{start} lacks {lacking} of {name}')
        for key, value in state.items():
            # Not those that sum up rows or columns.
            is_moment = torch.is_tensor(value) and key in MOMENTS
            if is_moment and value.shape != weight.shape:
                raise ValueError(
                    f'{start} has {key} of {name} with shape {tuple(value.shape)}, not '
                    f'{tuple(weight.shape)} as the model'
                )
    # Adam has moments of every weight; others may have none.
    if 'betas' not in optimizer.defaults or not missing or not checkpoint['meta']['iter']:
        return
    if len(missing) == len(weights):
        raise ValueError(f'{start} is empty: it holds the moments of no parameter')
    shown = ', '.join(missing[:SHOWN]) + (', ...' if len(missing) > SHOWN else '')
    print_log(
        f'{start} lacks {len(missing)} of {len(weights)} parameters, which start with moments of '
        f'0: {shown}',
        logger='current',
        level=logging.WARNING,
    )


def follow_config(checkpoint: dict[str, Any], optimizer: Any, path: str) -> None:
    """Put the settings of an optimiser in place of those in a checkpoint, and log each.

    The learning rate keeps its place in the schedule: it changes by the factor between the two.
    """
    changes: dict[tuple[str, str, str], None] = {}
    groups = checkpoint['optimizer']['param_groups']
    for saved, own in zip(groups, optimizer.param_groups, strict=True):
        before, now = _rate(saved), _rate(own)
        if not math.isclose(before, now, rel_tol=1e-9):
            changes['learning rate (lr)', f'{before:.4g}', f'{now:.4g}'] = None
            saved['lr'] = saved['lr'] * now / before if before else now
            saved['initial_lr'] = now
        for name in optimizer.defaults:
            # What a schedule changes has an initial value, and a step count is no setting.
            if name in ('lr', 'step') or f'initial_{name}' in own or name not in saved:
                continue
            if _plain(saved[name]) != _plain(own[name]):
                changes[name, str(saved[name]), str(own[name])] = None
                saved[name] = own[name]
    rates = [_rate(group) for group in groups]
    if any(name.startswith('learning rate') for name, *_ in changes):
        for schedule in checkpoint.get('param_schedulers') or []:
            if isinstance(schedule, dict) and schedule.get('param_name') == 'lr':
                schedule['base_values'] = list(rates)
                schedule['_last_value'] = [group['lr'] for group in groups]
    for name, before_text, now_text in changes:
        print_log(
            f'the {name} of the config is {now_text}, that of checkpoint {path} {before_text}: '
            f'training resumes with {now_text}',
            logger='current',
            level=logging.WARNING,
        )


def _rate(group: dict[str, Any]) -> float:
    """Return the learning rate of a group before its schedule."""
    return float(group.get('initial_lr', group['lr']))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


def _initial(keys: set[str]) -> set[str]:
    return {key for key in keys if key.startswith('initial_')}

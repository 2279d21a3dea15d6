"""Weights of another code base under our names, with an account of every tensor on both sides."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

COUNTER = '.num_batches_tracked'
SHOWN = 5


class ConversionError(ValueError):
    """A checkpoint that cannot be read or does not fit the config; the message names it."""


@dataclass
class Plan:
    """What becomes of each tensor, decided by names alone.

    Attributes:
        targets: Our name of each source tensor that is used.
        left_out: Why each of the others is not.
        not_filled: Why weights of ours have no source, by the start of their names.
    """

    targets: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    not_filled: dict[str, str] = field(default_factory=dict)


class Format(NamedTuple):
    """One kind of foreign checkpoint.

    ``open`` gives a path's tensors by name while its context lasts, ``plan`` decides about every
    name for a model, ``layout`` brings one tensor, by its source name, into our layout.
    """

    open: Callable[[Path], AbstractContextManager[Mapping[str, Tensor]]]
    plan: Callable[[Collection[str], nn.Module], Plan]
    layout: Callable[[str, Tensor, nn.Module], Tensor]


@dataclass
class Conversion:
    """Weights of a model, and the account.

    Attributes:
        state: Tensors in the order of the model's state dict.
        plan: What became of the source's tensors.
        not_filled: Why each weight of the model that is not in ``state`` is not.
    """

    state: dict[str, Tensor]
    plan: Plan
    not_filled: dict[str, str]


def convert(
    form: Format,
    weights: Mapping[str, Tensor],
    model: nn.Module,
    track: Callable[[list[Any]], Iterable[Any]] = iter,
) -> Conversion:
    """Convert a checkpoint to weights of a model.

    Args:
        form: The checkpoint's format.
        weights: Its tensors.
        model: The model; only names and shapes of its weights are used.
        track: Wraps the list of tensors to show progress.

    Raises:
        ConversionError: When a tensor on either side is unaccounted for or has another shape.
    """
    own = model.state_dict()
    plan = form.plan(weights, model)
    not_filled = _check_names(plan, weights, own)
    found, wrong = {}, []
    for source, name in track(list(plan.targets.items())):
        value = form.layout(source, weights[source], model).contiguous()
        found[name] = value
        if value.shape != own[name].shape:
            wrong.append(
                f'{source}: {tuple(value.shape)} instead of the {tuple(own[name].shape)} of {name}'
            )
    if wrong:
        raise ConversionError(
            f'{len(wrong)} tensors have other shapes than in the config: {_list(wrong)}'
        )
    state = {}
    for name, value in own.items():
        if name in found:
            state[name] = found[name]
        elif name.endswith(COUNTER) and name.replace(COUNTER, '.running_mean') in found:
            state[name] = torch.zeros_like(value)
    return Conversion(state, plan, not_filled)


def _check_names(plan: Plan, weights: Collection[str], own: Mapping[str, Tensor]) -> dict[str, str]:
    """Refuse tensors that are unaccounted for; return our weights that may stay unfilled."""
    faults = []
    strangers = [name for name in weights if name not in plan.targets and name not in plan.left_out]
    if strangers:
        faults.append(f'{len(strangers)} unknown tensors: {_list(strangers)}')
    misfits = [f'{name} ({ours})' for name, ours in plan.targets.items() if ours not in own]
    if misfits:
        faults.append(
            f"{len(misfits)} tensors without a place in the config's model: {_list(misfits)}"
        )
    filled: dict[str, str] = {}
    for name, ours in plan.targets.items():
        if ours in filled:
            faults.append(f'two tensors for {ours}: {filled[ours]} and {name}')
        filled[ours] = name
    not_filled, missing = {}, []
    for name in own:
        if name in filled or name.endswith(COUNTER):
            continue
        reasons = [why for prefix, why in plan.not_filled.items() if name.startswith(prefix)]
        if reasons:
            not_filled[name] = reasons[0]
        else:
            missing.append(name)
    if missing:
        faults.append(f"{len(missing)} of the model's weights are missing: {_list(missing)}")
    if faults:
        raise ConversionError(
            'the checkpoint is not one of the model in the config: ' + '; '.join(faults)
        )
    return not_filled


def _list(names: list[str]) -> str:
    return ', '.join(names[:SHOWN]) + (', ...' if len(names) > SHOWN else '')

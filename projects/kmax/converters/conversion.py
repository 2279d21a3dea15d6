"""Weights of another code base under our names, with an account of every tensor on both sides."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .errors import ConversionError
from .identity import differences, identify

COUNTER = '.num_batches_tracked'
SHOWN = 5
"""Most names in an error or a line of a summary, where all are not asked for."""
NO_SEMANTIC_DECODER = 'the config has no auxiliary semantic decoder'
BACKBONE_ONLY = {'panoptic_head.': 'ImageNet weights are the backbone only'}


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

    @classmethod
    def by_rules(
        cls,
        keys: Iterable[str],
        our_name: Callable[[str], str],
        reason: Callable[[str], str | None],
        not_filled: Mapping[str, str] | None = None,
    ) -> 'Plan':
        """Decide about each name; those that no rule knows are in no part of the plan.

        ``our_name`` raises ``KeyError`` for these, ``reason`` gives why a tensor is left out.
        """
        result = cls(not_filled=dict(not_filled or {}))
        for key in keys:
            why = reason(key)
            if why:
                result.left_out[key] = why
                continue
            try:
                result.targets[key] = our_name(key)
            except KeyError:
                continue
        return result


def first_match(patterns: Mapping[str, str], name: str) -> str | None:
    """Return the value of the first pattern that matches the whole name, or None."""
    return next((x for pattern, x in patterns.items() if re.fullmatch(pattern, name)), None)


def keep_rows(plan: Plan, model: nn.Module) -> dict[str, list[int]]:
    """Leave every tensor's rows where they are."""
    return {}


class Format(NamedTuple):
    """One kind of foreign checkpoint.

    ``open`` gives a path's tensors by name while its context lasts, ``plan`` decides about every
    name for a model, ``layout`` brings one tensor, by its source name, into our layout, and
    ``class_rows`` gives, for each tensor whose rows follow another order of classes, the row in it
    of each of ours.
    """

    open: Callable[[Path], AbstractContextManager[Mapping[str, Tensor]]]
    plan: Callable[[Collection[str], nn.Module], Plan]
    layout: Callable[[str, Tensor], Tensor]
    class_rows: Callable[[Plan, nn.Module], dict[str, list[int]]] = keep_rows


@dataclass(frozen=True)
class Fit:
    """A checkpoint that fits a model by its names, and why weights of the model stay unfilled."""

    form: Format
    weights: Mapping[str, Tensor]
    model: nn.Module
    shown: int | None
    plan: Plan
    not_filled: dict[str, str]


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


def convert(form: Format, weights: Mapping[str, Tensor], model: nn.Module) -> Conversion:
    """Convert a checkpoint to weights of a model, in the steps :func:`fit` and :func:`fill`.

    Args:
        form: The checkpoint's format.
        weights: Its tensors.
        model: The model; only names and shapes of its weights are used.

    Raises:
        ConversionError: When the checkpoint is one of another model, or a tensor on either side is
            unaccounted for or has another shape.
    """
    return fill(fit(form, weights, model))


def fit(
    form: Format, weights: Mapping[str, Tensor], model: nn.Module, shown: int | None = SHOWN
) -> Fit:
    """Plan a conversion, or raise a ConversionError with at most ``shown`` names, or all.

    Of the checkpoint's values only the few are read whose shapes tell published models apart.
    """
    own = model.state_dict()
    plan = form.plan(weights, model)
    _check_known(plan, weights, shown)
    _check_identity(form, plan, weights, own)
    return Fit(form, weights, model, shown, plan, _check_places(plan, own, shown))


def fill(fitted: Fit, track: Callable[[list[Any]], Iterable[Any]] = iter) -> Conversion:
    """Read all values; ``track`` wraps the list of tensors to show progress."""
    own, plan, shown = fitted.model.state_dict(), fitted.plan, fitted.shown
    found = _lay_out(fitted, track)
    wrong = [
        f'{source}: {tuple(found[name].shape)} instead of the {tuple(own[name].shape)} of {name}'
        for source, name in plan.targets.items()
        if found[name].shape != own[name].shape
    ]
    if wrong:
        raise ConversionError(
            f'{len(wrong)} tensors have other shapes than in the config: {shorten(wrong, shown)}'
        )
    numbers = {s: found[n] for s, n in plan.targets.items() if own[n].is_floating_point()}
    _check_values(numbers, shown)
    state = {}
    for name, value in own.items():
        if name in found:
            state[name] = found[name]
        elif name.endswith(COUNTER) and name.replace(COUNTER, '.running_mean') in found:
            state[name] = torch.zeros_like(value, device='cpu')
    return Conversion(state, plan, fitted.not_filled)


def _lay_out(fitted: Fit, track: Callable[[list[Any]], Iterable[Any]]) -> dict[str, Tensor]:
    """Return the tensors by our names, in our layout and order of classes."""
    form, plan = fitted.form, fitted.plan
    class_rows = form.class_rows(plan, fitted.model)
    found = {}
    for source, name in track(list(plan.targets.items())):
        value = form.layout(source, fitted.weights[source])
        rows = class_rows.get(source)
        # Other numbers of rows are left to the check of shapes.
        if rows is not None and len(rows) == len(value):
            value = value[rows]
        found[name] = value.contiguous()
    return found


def _check_values(values: Mapping[str, Tensor], shown: int | None) -> None:
    """Refuse values with which nothing can be predicted."""
    faults = {name: _fault_of(name, value) for name, value in values.items() if not value.is_meta}
    wrong = [f'{name} {fault}' for name, fault in faults.items() if fault is not None]
    if wrong:
        raise ConversionError(
            f'{len(wrong)} tensors of the checkpoint cannot be used: {shorten(wrong, shown)}'
        )


def _fault_of(name: str, value: Tensor) -> str | None:
    if not value.is_floating_point():
        return f'is of {value.dtype}'
    if not value.isfinite().all():
        return 'holds NaN or infinite values'
    is_variance = name.endswith(('running_var', 'moving_variance'))
    return 'holds negative variances' if is_variance and (value < 0).any() else None


def _check_known(plan: Plan, weights: Collection[str], shown: int | None) -> None:
    """Refuse tensors that no rule knows."""
    strangers = [name for name in weights if name not in plan.targets and name not in plan.left_out]
    if strangers:
        raise ConversionError(
            f'of the {len(weights)} tensors in the checkpoint {len(strangers)} are unknown: '
            f'{shorten(strangers, shown)}'
        )


def _check_identity(
    form: Format, plan: Plan, weights: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> None:
    """Refuse checkpoints of another backbone, data set or number of queries."""
    sources = {name: source for source, name in plan.targets.items()}
    theirs = identify(sources, lambda n: form.layout(sources[n], weights[sources[n]]).shape)
    ours = identify(own, lambda name: own[name].shape)
    differing = differences(theirs, ours)
    if differing:
        raise ConversionError(differing)


def _check_places(plan: Plan, own: Mapping[str, Tensor], shown: int | None) -> dict[str, str]:
    """Refuse a plan that does not fit the model; return our weights that may stay unfilled."""
    faults = []
    misfits = [f'{name} ({ours})' for name, ours in plan.targets.items() if ours not in own]
    if misfits:
        faults.append(
            f"{len(misfits)} tensors without a place in the config's model: "
            f'{shorten(misfits, shown)}'
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
        faults.append(
            f"{len(missing)} of the model's weights are missing: {shorten(missing, shown)}"
        )
    if faults:
        raise ConversionError(
            'the checkpoint is not one of the model in the config: ' + '; '.join(faults)
        )
    return not_filled


def shorten(names: list[str], shown: int | None = SHOWN) -> str:
    """Join the first of some names; all where ``shown`` is None."""
    return ', '.join(names[:shown]) + (', ...' if names[:shown] != names else '')

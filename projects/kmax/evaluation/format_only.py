"""Evaluators that write predictions instead of evaluating them."""

from collections.abc import Mapping
from typing import Any

from mmengine.logging import print_log

from .destinations import (
    arguments,
    as_list,
    destination_argument,
    find_metrics,
    refuse_shared_destinations,
)


def without_annotations(
    evaluators: Mapping[str, Any] | list[Mapping[str, Any]], prefix: str, scope: str = 'mmdet'
) -> list[dict[str, Any]]:
    """Make a config's evaluators only write predictions, as their ``format_only`` does.

    Those that cannot would need annotations and are left out. ``prefix`` is the first part of the
    paths of those that name none, ``scope`` the ``default_scope`` in which metrics are looked up.
    """
    configs = as_list(evaluators)
    writing: list[tuple[dict[str, Any], type]] = []
    silent: list[str] = []
    for config, metric in zip(configs, _known_metrics(configs, scope), strict=True):
        argument = destination_argument(metric)
        if argument is None or 'format_only' not in arguments(metric):
            silent.append(config['type'])
            continue
        target = config.get(argument) or prefix
        writing.append(({**config, argument: target, 'format_only': True}, metric))
    if not writing:
        raise ValueError(
            f'--format-only: of test_evaluator {silent} none can write predictions; '
            'KMaXPanopticMetric and KMaXInstanceMetric can'
        )
    refuse_shared_destinations('--format-only: test_evaluator', writing)
    if silent:
        print_log(f'--format-only leaves out {silent}', logger='current')
    return [config for config, _ in writing]


def _known_metrics(configs: list[Mapping[str, Any]], scope: str) -> list[type]:
    metrics = find_metrics(configs, scope)
    unknown = [c['type'] for c, metric in zip(configs, metrics, strict=True) if metric is None]
    if unknown:
        raise ValueError(
            f'test_evaluator names {unknown}, but default_scope "{scope}" has no such metrics: '
            'check the names, and that custom_imports loads what defines them'
        )
    return [metric for metric in metrics if metric is not None]

"""Evaluators that write predictions instead of evaluating them."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdet.registry import METRICS
from mmengine.logging import print_log

DESTINATIONS = ('outfile_prefix', 'output_dir')
SUFFIXES = dict(
    KMaXPanopticMetric='.panoptic',
    KMaXCityscapesPanopticMetric='.panoptic',
    CocoPanopticMetric='.panoptic',
    KMaXInstanceMetric='.segm.json',
    CocoMetric='.segm.json',
)
"""What metrics that write the same kind of results add to their destination."""


def without_annotations(
    evaluators: Mapping[str, Any] | list[Mapping[str, Any]], prefix: str, scope: str = 'mmdet'
) -> list[dict[str, Any]]:
    """Make a config's evaluators only write predictions, as their ``format_only`` does.

    Args:
        evaluators: Config of one metric or several.
        prefix: First part of the paths to write to, for those that name none.
        scope: The config's ``default_scope``, where the metrics are looked up.

    Returns:
        Configs of the metrics that can write; the others would need annotations and are left out.

    Raises:
        ValueError: When none of them can, one is unknown, or two would write the same files.
    """
    configs = [evaluators] if isinstance(evaluators, Mapping) else evaluators
    writing: list[dict[str, Any]] = []
    silent: list[str] = []
    writer_of: dict[Path, str] = {}
    for config, metric in zip(configs, _find_metrics(configs, scope), strict=True):
        arguments = inspect.signature(metric).parameters
        if 'format_only' not in arguments:
            silent.append(config['type'])
            continue
        destination = next(name for name in DESTINATIONS if name in arguments)
        target = config.get(destination) or prefix
        _claim(f'{target}{_suffix(metric, destination)}', config['type'], writer_of)
        writing.append({**config, destination: target, 'format_only': True})
    if not writing:
        raise ValueError(
            f'--format-only: of test_evaluator {silent} none can write predictions; '
            'KMaXPanopticMetric and KMaXInstanceMetric can'
        )
    if silent:
        print_log(f'--format-only leaves out {silent}', logger='current')
    return writing


def _claim(path: str, name: str, writer_of: dict[Path, str]) -> None:
    """Refuse a second writer of the same files, which would fail after the whole inference."""
    key = Path(path).absolute()
    if key in writer_of:
        raise ValueError(
            f'--format-only: {writer_of[key]} and {name} of test_evaluator both write to {path}: '
            f'give them different {" or ".join(DESTINATIONS)}, or leave one out'
        )
    writer_of[key] = name


def _suffix(metric: type, destination: str) -> str:
    if destination == 'output_dir':
        return ''
    return SUFFIXES.get(metric.__name__, f'.{metric.__name__}')


def _find_metrics(configs: list[Mapping[str, Any]], scope: str) -> list[type]:
    with METRICS.switch_scope_and_registry(scope) as registry:
        metrics = [registry.get(config['type']) for config in configs]
    unknown = [c['type'] for c, metric in zip(configs, metrics, strict=True) if metric is None]
    if unknown:
        raise ValueError(
            f'test_evaluator names {unknown}, but default_scope "{scope}" has no such metrics: '
            'check the names, and that custom_imports loads what defines them'
        )
    return metrics

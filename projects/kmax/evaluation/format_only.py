"""Evaluators that write predictions instead of evaluating them."""

import inspect
from collections.abc import Mapping
from typing import Any

from mmdet.registry import METRICS
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

DESTINATIONS = ('outfile_prefix', 'output_dir')


def without_annotations(
    evaluators: Mapping[str, Any] | list[Mapping[str, Any]], prefix: str
) -> list[dict[str, Any]]:
    """Make a config's evaluators only write predictions, as their ``format_only`` does.

    Args:
        evaluators: Config of one metric or several.
        prefix: First part of the paths to write to, for those that name none.

    Returns:
        Configs of the metrics that can write; the others would need annotations and are left out.

    Raises:
        ValueError: When none of them can.
    """
    init_default_scope('mmdet')
    configs = [evaluators] if isinstance(evaluators, Mapping) else evaluators
    writing, silent = [], []
    for config in configs:
        metric = METRICS.get(config['type'])
        arguments = inspect.signature(metric).parameters if metric else {}
        if 'format_only' not in arguments:
            silent.append(config['type'])
            continue
        destination = next(name for name in DESTINATIONS if name in arguments)
        target = config.get(destination) or prefix
        writing.append({**config, destination: target, 'format_only': True})
    if not writing:
        raise ValueError(
            f'--format-only: of test_evaluator {silent} none can write predictions; '
            'KMaXPanopticMetric and KMaXInstanceMetric can'
        )
    if silent:
        print_log(f'--format-only leaves out {silent}', logger='current')
    return writing

"""Panoptic, instance and semantic results of one run."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

MORE_METRICS = ('KMaXInstanceMetric', 'KMaXSemanticMetric')


def add_all_tasks(cfg: Config) -> None:
    """Make a config that evaluates panoptic results also predict and evaluate the others.

    AP and mIoU are computed from the panoptic annotations of the config's panoptic metric.

    Args:
        cfg: The config; its ``model.test_cfg`` and ``test_evaluator`` are changed.

    Raises:
        ValueError: When ``test_evaluator`` has no panoptic metric.
    """
    evaluators = cfg.test_evaluator
    configs = [evaluators] if isinstance(evaluators, Mapping) else list(evaluators)
    truth = next((_ground_truth(c) for c in configs if 'seg_prefix' in c and 'ann_file' in c), None)
    if truth is None:
        raise ValueError(
            '--all-tasks needs a panoptic metric with ann_file and seg_prefix, such as '
            f'KMaXPanopticMetric, in test_evaluator, which has {[c["type"] for c in configs]}'
        )
    present = {config['type'] for config in configs}
    added = [dict(type=name, **truth) for name in MORE_METRICS if name not in present]
    cfg.test_evaluator = [*configs, *added]
    cfg.merge_from_dict(
        {'model.test_cfg': dict(panoptic_on=True, semantic_on=True, instance_on=True)}
    )


def _ground_truth(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: config[name] for name in ('ann_file', 'seg_prefix')}

"""Where the metrics of a config write predictions to."""

import inspect
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmdet.evaluation import CocoMetric, CocoPanopticMetric
from mmdet.registry import METRICS
from mmengine.config import Config

from .export import PanopticExport, refuse_overwriting
from .file_metric import FileMetric

DESTINATIONS = ('outfile_prefix', 'output_dir')
UPSTREAM: dict[type, tuple[str, ...]] = {
    CocoPanopticMetric: PanopticExport.suffixes,
    CocoMetric: ('.segm.json', '.bbox.json', '.proposal.json'),
}
"""What metrics of mmdet's write after ``outfile_prefix``; ours say so in ``suffixes``."""


def check_destinations(cfg: Config) -> None:
    """Refuse metrics that would write the same files, or over what data sets of the config read."""
    data = list(_data_files(dict(cfg.items())))
    for section in ('val_evaluator', 'test_evaluator'):
        configs = as_list(cfg.get(section) or [])
        metrics = find_metrics(configs, cfg.get('default_scope') or 'mmengine')
        refuse_shared_destinations(section, zip(configs, metrics, strict=True))
        for config, metric in zip(configs, metrics, strict=True):
            refuse_overwriting(_written(config, metric) if metric else (), *data)


def as_list(evaluators: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the config of one evaluator, or those of several, as a list."""
    return [evaluators] if isinstance(evaluators, Mapping) else list(evaluators)


def find_metrics(configs: Iterable[Mapping[str, Any]], scope: str) -> list[type | None]:
    """Return the class that each config names in a scope, None where there is none."""
    with METRICS.switch_scope_and_registry(scope) as registry:
        return [_find(registry, config.get('type')) for config in configs]


def arguments(metric: type) -> set[str]:
    """Return the names of a metric's arguments, with those that it hands on to ours that write."""
    named = set(inspect.signature(metric).parameters)
    if issubclass(metric, FileMetric):
        named |= set(inspect.signature(FileMetric).parameters)
    return named


def destination_argument(metric: type) -> str | None:
    """Return the name of the argument that says where a metric writes to, if it has one."""
    return next((name for name in DESTINATIONS if name in arguments(metric)), None)


def refuse_shared_destinations(
    section: str, chosen: Iterable[tuple[Mapping[str, Any], type | None]]
) -> None:
    """Refuse a second writer of the same files, which would fail after the whole inference.

    Pairs of a config and its class are checked, those without a class passed over; the ValueError
    names the ``section`` of the config.
    """
    writer_of: dict[Path, str] = {}
    for config, metric in chosen:
        paths = {} if metric is None else _written(config, metric)
        for key in paths:
            if key in writer_of:
                raise ValueError(
                    f'{section}: {writer_of[key]} and {config["type"]} both write to {paths[key]}: '
                    f'give them different {" or ".join(DESTINATIONS)}, or leave one out'
                )
        writer_of |= dict.fromkeys(paths, config['type'])


def _data_files(value: Any) -> Iterator[str]:
    """Yield the files and folders of all data sets below a config's value."""
    if isinstance(value, Mapping):
        root = value.get('data_root') or ''
        prefixes = value.get('data_prefix')
        names = [value.get('ann_file'), *(prefixes.values() if isinstance(prefixes, dict) else ())]
        if 'type' in value:
            yield from (
                os.path.join(root, name) for name in names if isinstance(name, str) and name
            )
        value = value.values()
    if isinstance(value, Iterable) and not isinstance(value, str):
        for part in value:
            yield from _data_files(part)


def _find(registry: Any, kind: Any) -> type | None:
    if kind is None:
        raise ValueError('an evaluator has no "type", the name of its metric')
    return registry.get(kind) if isinstance(kind, str) else kind


def _written(config: Mapping[str, Any], metric: type) -> dict[Path, str]:
    """Return what a metric writes, as its config has it, by absolute path."""
    argument = destination_argument(metric)
    target = argument and config.get(argument)
    if target is None:
        return {}
    suffixes = ('',) if argument == 'output_dir' else _suffixes(metric)
    return {Path(f'{target}{suffix}').absolute(): f'{target}{suffix}' for suffix in suffixes}


def _suffixes(metric: type) -> tuple[str, ...]:
    if issubclass(metric, FileMetric):
        return metric.suffixes
    known = (UPSTREAM[base] for base in metric.__mro__ if base in UPSTREAM)
    return next(known, (f'.{metric.__name__}',))

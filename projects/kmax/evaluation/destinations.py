"""Where the metrics of a config write predictions to."""

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmdet.registry import METRICS
from mmengine.config import Config

DESTINATIONS = ('outfile_prefix', 'output_dir')
SUFFIXES = dict(
    KMaXPanopticMetric='.panoptic',
    KMaXCityscapesPanopticMetric='.panoptic',
    CocoPanopticMetric='.panoptic',
    KMaXInstanceMetric='.segm.json',
    CocoMetric='.segm.json',
)
"""What metrics that write the same kind of results add to their destination."""


def check_destinations(cfg: Config) -> None:
    """Refuse metrics of one run that would write the same files.

    Args:
        cfg: The config; its ``val_evaluator`` and ``test_evaluator`` are looked at.

    Raises:
        ValueError: When two metrics of one of them would.
    """
    for section in ('val_evaluator', 'test_evaluator'):
        evaluators = cfg.get(section) or []
        configs = [evaluators] if isinstance(evaluators, Mapping) else evaluators
        metrics = find_metrics(configs, cfg.get('default_scope') or 'mmengine')
        refuse_shared_destinations(section, zip(configs, metrics, strict=True))


def find_metrics(configs: Iterable[Mapping[str, Any]], scope: str) -> list[type | None]:
    """Return the class that each config names in a scope, None where there is none."""
    with METRICS.switch_scope_and_registry(scope) as registry:
        return [_find(registry, config.get('type')) for config in configs]


def destination_argument(metric: type) -> str | None:
    """Return the name of the argument that says where a metric writes to, if it has one."""
    arguments = inspect.signature(metric).parameters
    return next((name for name in DESTINATIONS if name in arguments), None)


def refuse_shared_destinations(
    section: str, chosen: Iterable[tuple[Mapping[str, Any], type | None]]
) -> None:
    """Refuse a second writer of the same files, which would fail after the whole inference.

    Args:
        section: Setting of the config, for the error message.
        chosen: Configs of metrics, and their classes; None is passed over.

    Raises:
        ValueError: When there is one.
    """
    writer_of: dict[Path, str] = {}
    for config, metric in chosen:
        argument = destination_argument(metric) if metric is not None else None
        if metric is None or argument is None or config.get(argument) is None:
            continue
        path = f'{config[argument]}{_suffix(metric, argument)}'
        key = Path(path).absolute()
        if key in writer_of:
            raise ValueError(
                f'{section}: {writer_of[key]} and {config["type"]} both write to {path}: give them '
                f'different {" or ".join(DESTINATIONS)}, or leave one out'
            )
        writer_of[key] = config['type']


def _find(registry: Any, kind: Any) -> type | None:
    return registry.get(kind) if isinstance(kind, str) else kind


def _suffix(metric: type, argument: str) -> str:
    if argument == 'output_dir':
        return ''
    return SUFFIXES.get(metric.__name__, f'.{metric.__name__}')

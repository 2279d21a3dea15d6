"""From a config to what was found in its data sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from mmdet.registry import DATASETS, METRICS
from mmengine.config import Config

from ..datasets.panoptic import KMaXPanopticDataset
from ..engine.hooks.check_classes import HEADS, check_classes, check_same_classes
from ..engine.hooks.warn_about_data import find_num_queries
from ..panoptic.faults import Fault, FaultKind
from ..panoptic.survey import find_common_warnings
from ..parallel import Progress
from .datasets import DatasetReport, inspect_dataset

SPLITS = ('train', 'val')


@dataclass
class Inspection:
    """What was found in the data sets of a config.

    Attributes:
        num_queries: Number of queries of its model, if it is one with queries.
        datasets: What was found in each.
        faults: What is wrong with all of them and between them.
    """

    num_queries: int | None
    datasets: list[DatasetReport]
    faults: list[Fault]


def inspect_config(cfg: Config, workers: int, progress: Progress) -> Inspection:
    """Inspect the training and validation data of a config, in so many processes.

    A ValueError says that it has no data set in COCO panoptic format.
    """
    num_queries = find_num_queries(cfg.get('model'))
    found: dict[str, list[DatasetReport]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        datasets = list(_find_datasets((cfg.get(f'{split}_dataloader') or {}).get('dataset')))
        for number, dataset in enumerate(datasets, start=1):
            name = split if len(datasets) == 1 else f'{split} {number}'
            limit = num_queries if split == 'train' else None
            found[split].append(inspect_dataset(name, dataset, limit, workers, progress))
    reports = [*found['train'], *found['val']]
    if not reports:
        raise ValueError('the config has no data set in COCO panoptic format to look at')
    faults = [fault for report in reports for fault in report.faults]
    digests = {
        image.record['img_path']: image.digest
        for report in reports
        for image in report.images
        if image.digest is not None
    }
    train, val = ([report.survey for report in found[split]] for split in SPLITS)
    faults += find_common_warnings(train, val, digests)
    faults += _find_class_faults(cfg, reports)
    listed = {fault.message for fault in faults}
    faults += [fault for fault in _find_evaluator_faults(cfg) if fault.message not in listed]
    return Inspection(num_queries, reports, faults)


def _find_datasets(cfg: Any) -> Iterator[KMaXPanopticDataset]:
    """Build the data sets in wrappers such as ``ConcatDataset``, without reading anything."""
    if not cfg:
        return
    inner = cfg.get('datasets') or [cfg['dataset']] if {'dataset', 'datasets'} & set(cfg) else None
    if inner is not None:
        for wrapped in inner:
            yield from _find_datasets(wrapped)
        return
    if issubclass(DATASETS.get(cfg['type']), KMaXPanopticDataset):
        yield DATASETS.build({**cfg, 'lazy_init': True, 'pipeline': []})


def _find_class_faults(cfg: Config, reports: list[DatasetReport]) -> Iterator[Fault]:
    """Yield what training's check of the class counts refuses, and classes that differ."""
    model = cfg.get('model', {})
    counts = dict(model.get('panoptic_head', {}))
    heads = {name: SimpleNamespace(**{**counts, **model.get(name, {})}) for name in HEADS}
    first = reports[0].annotations
    of_first = SimpleNamespace(metainfo=first.metainfo, ann_file=first.ann_file)
    for report in reports:
        found = report.annotations
        dataset = SimpleNamespace(metainfo=found.metainfo, ann_file=found.ann_file)
        try:
            check_classes(SimpleNamespace(**heads), dataset)
        except ValueError as error:
            yield Fault(FaultKind.CONFIG, str(error))
        try:
            check_same_classes(of_first, dataset)
        except ValueError as error:
            yield Fault(FaultKind.CONFIG, str(error))


def _find_evaluator_faults(cfg: Config) -> Iterator[Fault]:
    evaluators = cfg.get('val_evaluator') or []
    for evaluator in evaluators if isinstance(evaluators, list | tuple) else [evaluators]:
        try:
            METRICS.build(evaluator)
        except (OSError, ValueError) as error:
            yield Fault(FaultKind.CONFIG, str(error))

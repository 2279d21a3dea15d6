"""Panoptic, instance and semantic results of one run."""

import importlib.util
import logging
import re
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from .destinations import as_list, find_metrics

CITYSCAPES = 'KMaXCityscapesPanopticDataset'


def add_all_tasks(cfg: Config, format_only: bool = False) -> None:
    """Make a config that evaluates panoptic results also predict and evaluate the others.

    AP and mIoU are computed from the panoptic annotations of the config's panoptic metric, except
    for the AP of Cityscapes, which has a definition of its own: it comes from cityscapesScripts.
    With ``format_only`` its instances are written in its own form, which needs no annotations.
    """
    truth = find_ground_truth(cfg, '--all-tasks')
    configs = as_list(cfg.test_evaluator)
    metrics = find_metrics(configs, cfg.get('default_scope') or 'mmengine')
    tasks = {getattr(metric, 'task', None) for metric in metrics}
    added = []
    if 'instance' not in tasks:
        own = None
        if cfg.test_dataloader.dataset.type == CITYSCAPES:
            own = _cityscapes_form() if format_only else _cityscapes_instance(truth['ann_file'])
        added.append(own or dict(type='KMaXInstanceMetric', **truth))
    if 'semantic' not in tasks:
        added.append(dict(type='KMaXSemanticMetric', **truth))
    cfg.test_evaluator = [*configs, *added]
    cfg.merge_from_dict(
        {'model.test_cfg': dict(panoptic_on=True, semantic_on=True, instance_on=True)}
    )


def find_ground_truth(cfg: Config, option: str) -> dict[str, Any]:
    """Return ``ann_file`` and ``seg_prefix`` of a config's first metric with both.

    A ValueError says that there is none, which the ``option`` of the command line needs.
    """
    configs = as_list(cfg.test_evaluator)
    for config in configs:
        if 'ann_file' in config and 'seg_prefix' in config:
            return {name: config[name] for name in ('ann_file', 'seg_prefix')}
    raise ValueError(
        f'{option} needs a panoptic metric with ann_file and seg_prefix, such as '
        f'KMaXPanopticMetric, in test_evaluator, which has {[c["type"] for c in configs]}'
    )


def _has_cityscapes_scripts() -> bool:
    return importlib.util.find_spec('cityscapesscripts') is not None


def _cityscapes_form() -> dict[str, Any]:
    """Return the metric that writes what the test server of Cityscapes takes."""
    if not _has_cityscapes_scripts():
        raise ModuleNotFoundError(
            '--all-tasks --format-only writes instances as the test server of Cityscapes takes '
            'them, for which cityscapesScripts is not installed: pip install cityscapesscripts, or '
            'leave out --all-tasks to write panoptic results alone'
        )
    return dict(type='KMaXCityscapesInstanceMetric')


def _cityscapes_instance(ann_file: str) -> dict[str, Any] | None:
    """Return the metric of Cityscapes' own AP, or warn of what it lacks."""
    split = re.match('cityscapes_panoptic_([a-z]+)', Path(ann_file).name)
    folder = Path(ann_file).parent / (split[1] if split else '{split}')
    missing = [] if folder.is_dir() else [f'{folder}/ with its *_gtFine_instanceIds.png']
    if not _has_cityscapes_scripts():
        missing.append('cityscapesScripts (pip install cityscapesscripts)')
    if not missing:
        return dict(type='KMaXCityscapesInstanceMetric', gt_folder=str(folder))
    print_log(
        '--all-tasks reports the AP of COCO, not the one published for Cityscapes, which needs '
        f'{" and ".join(missing)}',
        logger='current',
        level=logging.WARNING,
    )
    return None

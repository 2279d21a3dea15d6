"""Which metrics --all-tasks adds on Cityscapes; tests/apis/test_evaluators.py has the others."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from mmengine.config import Config

from projects.kmax.evaluation import all_tasks

CONFIG = 'configs/kmax/kmax_r50_8xb4-60k_cityscapes-panoptic.py'


@pytest.fixture
def cfg(tmp_path, monkeypatch):
    """Return the shipped config, with a folder of annotations and cityscapesScripts at hand."""
    scripts = types.ModuleType('cityscapesscripts')
    scripts.__spec__ = ModuleSpec('cityscapesscripts', None)
    monkeypatch.setitem(sys.modules, 'cityscapesscripts', scripts)
    (tmp_path / 'val').mkdir()
    cfg = Config.fromfile(str(Path(projects.kmax.__file__).parents[2] / CONFIG))
    cfg.test_evaluator.ann_file = str(tmp_path / 'cityscapes_panoptic_val.json')
    return cfg


@pytest.fixture
def warnings(monkeypatch):
    """Return the list of what is logged."""
    logged = []
    monkeypatch.setattr(all_tasks, 'print_log', lambda message, **_: logged.append(message))
    return logged


def test_ap_is_that_of_cityscapes(cfg, warnings, tmp_path):
    all_tasks.add_all_tasks(cfg)
    panoptic, instance, semantic = cfg.test_evaluator
    assert panoptic.type == 'KMaXPanopticMetric'
    assert instance == dict(type='KMaXCityscapesInstanceMetric', gt_folder=str(tmp_path / 'val'))
    assert semantic.type == 'KMaXSemanticMetric'
    assert not warnings


def test_what_the_ap_of_cityscapes_lacks_is_named(cfg, warnings, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'cityscapesscripts', None)
    (tmp_path / 'val').rmdir()
    all_tasks.add_all_tasks(cfg)
    assert [c.type for c in cfg.test_evaluator][1:] == ['KMaXInstanceMetric', 'KMaXSemanticMetric']
    (warning,) = warnings
    assert 'the AP of COCO, not the one published for Cityscapes' in warning
    assert f'{tmp_path}/val/ with its *_gtFine_instanceIds.png and cityscapesScripts' in warning


def test_metrics_that_are_there_are_not_added(cfg, warnings, tmp_path):
    (tmp_path / 'val').rmdir()
    instance = dict(type='KMaXCityscapesInstanceMetric', gt_folder='elsewhere')
    cfg.test_evaluator = [cfg.test_evaluator, instance]
    all_tasks.add_all_tasks(cfg)
    assert cfg.test_evaluator[1] == instance
    assert [c.type for c in cfg.test_evaluator[2:]] == ['KMaXSemanticMetric']
    assert not warnings

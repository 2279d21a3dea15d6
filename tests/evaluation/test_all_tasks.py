"""Which metrics --all-tasks adds on Cityscapes; integration/test_evaluators.py has the others."""

import copy
import sys
import types
from importlib.machinery import ModuleSpec

import pytest
from mmengine.config import Config
from published import ROOT

from projects.kmax.evaluation import all_tasks
from projects.kmax.evaluation.format_only import without_annotations

CONFIG = 'kmax_r50_8xb4-60k_cityscapes-panoptic.py'


@pytest.fixture
def cfg(tmp_path, monkeypatch):
    """Return the shipped config, with a folder of annotations and cityscapesScripts at hand."""
    scripts = types.ModuleType('cityscapesscripts')
    scripts.__spec__ = ModuleSpec('cityscapesscripts', None)
    monkeypatch.setitem(sys.modules, 'cityscapesscripts', scripts)
    (tmp_path / 'val').mkdir()
    cfg = Config.fromfile(str(ROOT / CONFIG))
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


def test_a_submission_has_the_form_of_cityscapes(cfg, warnings, tmp_path):
    (tmp_path / 'val').rmdir()
    all_tasks.add_all_tasks(cfg, format_only=True)
    panoptic, instance = without_annotations(cfg.test_evaluator, 'r')
    assert panoptic['type'] == 'KMaXPanopticMetric'
    cityscapes = 'KMaXCityscapesInstanceMetric'
    assert instance == dict(type=cityscapes, outfile_prefix='r', format_only=True)
    assert not warnings


def test_a_submission_without_cityscapesscripts_is_refused(cfg, monkeypatch):
    monkeypatch.setitem(sys.modules, 'cityscapesscripts', None)
    before = copy.deepcopy(cfg.test_evaluator)
    with pytest.raises(ModuleNotFoundError, match=r'not installed: pip .* leave out --all-tasks'):
        all_tasks.add_all_tasks(cfg, format_only=True)
    assert cfg.test_evaluator == before


def test_a_submission_of_other_data_sets_has_the_form_of_coco(cfg):
    cfg.test_dataloader.dataset.type = 'KMaXPanopticDataset'
    all_tasks.add_all_tasks(cfg, format_only=True)
    assert cfg.test_evaluator[1].type == 'KMaXInstanceMetric'


def test_metrics_that_are_there_are_not_added(cfg, warnings, tmp_path):
    (tmp_path / 'val').rmdir()
    instance = dict(type='KMaXCityscapesInstanceMetric', gt_folder='elsewhere')
    cfg.test_evaluator = [cfg.test_evaluator, instance]
    all_tasks.add_all_tasks(cfg)
    assert cfg.test_evaluator[1] == instance
    assert [c.type for c in cfg.test_evaluator[2:]] == ['KMaXSemanticMetric']
    assert not warnings

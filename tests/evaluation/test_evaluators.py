"""Which evaluators --format-only and, on Cityscapes, --all-tasks make of those of a config.

What --all-tasks adds on other data sets is in integration/test_evaluators.py.
"""

import copy
import sys
import types
from importlib.machinery import ModuleSpec

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import METRICS
from mmengine.config import Config
from published import FOLDER

from projects.kmax.evaluation import all_tasks
from projects.kmax.evaluation.destinations import check_destinations
from projects.kmax.evaluation.format_only import without_annotations

PANOPTIC = dict(type='KMaXPanopticMetric', ann_file='a')


def test_those_that_can_write_do():
    semantic = dict(type='KMaXSemanticMetric', ann_file='a')
    coco = dict(type='CocoMetric', outfile_prefix='own')
    made = without_annotations([PANOPTIC, semantic, dict(type='SemSegMetric'), coco], 'work/r')
    assert made == [
        dict(PANOPTIC, outfile_prefix='work/r', format_only=True),
        dict(type='SemSegMetric', output_dir='work/r', format_only=True),
        dict(coco, format_only=True),
    ]


def test_one_evaluator():
    (made,) = without_annotations(dict(type='mmdet.CocoMetric', outfile_prefix=None), 'r')
    assert made == dict(type='mmdet.CocoMetric', outfile_prefix='r', format_only=True)


def test_none_can_write():
    with pytest.raises(ValueError, match=r"test_evaluator \['KMaXSemanticMetric'\] none can write"):
        without_annotations(dict(type='KMaXSemanticMetric'), 'r')


@pytest.mark.parametrize(
    'name',
    [
        'kmax_r50_8xb8-100k_ade20k-semantic-641x641',
        'kmax_r50_8xb4-60k_cityscapes-semantic',
        'kmax_r18_camvid-semantic',
    ],
)
def test_semantic_configs_write(name):
    cfg = Config.fromfile(str(FOLDER / f'{name}.py'))
    (made,) = without_annotations(cfg.test_evaluator, 'r', cfg.default_scope)
    assert made == dict(cfg.test_evaluator, output_dir='r', format_only=True)


def test_unknown_metrics_are_named():
    with pytest.raises(ValueError, match=r"names \['CocoMetrc'\], but default_scope \"mmdet\""):
        without_annotations([PANOPTIC, dict(type='CocoMetrc')], 'r')


@pytest.mark.parametrize(
    'evaluators',
    [
        [PANOPTIC, dict(PANOPTIC, type='KMaXCityscapesPanopticMetric', outfile_prefix='./work/r')],
        [dict(type='KMaXInstanceMetric', ann_file=name) for name in 'ab'],
        [dict(type='SemSegMetric'), dict(type='SemSegMetric')],
    ],
    ids=lambda evaluators: evaluators[1]['type'],
)
def test_two_that_would_write_the_same_files_are_refused(evaluators):
    first, second = (config['type'] for config in evaluators)
    message = f'--format-only: .*{first} and {second} both write to .*work/r'
    with pytest.raises(ValueError, match=message):
        without_annotations(evaluators, 'work/r')


def test_two_that_write_elsewhere_may_write_the_same_kind():
    evaluators = [dict(PANOPTIC, outfile_prefix=path) for path in 'pq']
    made = without_annotations([*evaluators, dict(type='KMaXInstanceMetric', ann_file='a')], 'p')
    assert [config['outfile_prefix'] for config in made] == ['p', 'q', 'p']


@pytest.mark.parametrize('section', ['val_evaluator', 'test_evaluator'])
@pytest.mark.parametrize(
    ('first', 'second', 'key', 'path'),
    [
        ('KMaXPanopticMetric', 'CocoPanopticMetric', 'outfile_prefix', './work/r'),
        ('KMaXInstanceMetric', 'mmdet.CocoMetric', 'outfile_prefix', 'work/r'),
        ('SemSegMetric', 'SemSegMetric', 'output_dir', 'work/r'),
    ],
)
def test_runs_that_evaluate_are_checked_too(section, first, second, key, path):
    one, other = {'type': first, key: 'work/r'}, {'type': second, key: path}
    evaluators = [one, PANOPTIC, dict(type='Unknown'), other]
    cfg = Config({'default_scope': 'mmdet', section: evaluators})
    message = f'^{section}: {first} and {second} both write to .*work/r'
    with pytest.raises(ValueError, match=message):
        check_destinations(cfg)


def test_one_destination_may_hold_several_kinds():
    kinds = ('KMaXPanopticMetric', 'KMaXInstanceMetric', 'KMaXCityscapesInstanceMetric')
    evaluators = [dict(type=kind, outfile_prefix='r') for kind in kinds]
    check_destinations(
        Config(dict(default_scope='mmdet', val_evaluator=evaluators, test_evaluator=evaluators))
    )
    check_destinations(Config(dict(test_evaluator=dict(type='mmdet.CocoMetric'))))


@pytest.fixture
def cfg(tmp_path, monkeypatch):
    """Return the shipped config, with a folder of annotations and cityscapesScripts at hand."""
    scripts = types.ModuleType('cityscapesscripts')
    scripts.__spec__ = ModuleSpec('cityscapesscripts', None)
    monkeypatch.setitem(sys.modules, 'cityscapesscripts', scripts)
    (tmp_path / 'val').mkdir()
    cfg = Config.fromfile(str(FOLDER / 'kmax_r50_8xb4-60k_cityscapes-panoptic.py'))
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


def test_semantic_maps_of_mmdet_are_written(tmp_path):
    metric = METRICS.build(
        dict(type='mmdet.SemSegMetric', format_only=True, output_dir=str(tmp_path / 'maps'))
    )
    metric.dataset_meta = dict(classes=('a', 'b'))
    labels = torch.tensor([[[0, 1, 1], [1, 0, 0]]])
    sample = dict(img_path='x/1.jpg', pred_sem_seg=dict(sem_seg=labels))
    metric.process({}, [sample])
    assert metric.evaluate(1) == {}
    written = cv2.imread(str(tmp_path / 'maps' / '1.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, labels[0].numpy())

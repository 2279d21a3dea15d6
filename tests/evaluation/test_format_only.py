"""Which evaluators of a config write predictions, and where."""

import pytest
from mmengine.config import Config
from published import ROOT

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
    cfg = Config.fromfile(str(ROOT / f'{name}.py'))
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

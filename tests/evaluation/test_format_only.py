"""Which evaluators of a config write predictions, and where."""

from pathlib import Path

import pytest
from mmengine.config import Config

from projects.kmax.evaluation.destinations import check_destinations
from projects.kmax.evaluation.format_only import without_annotations


def test_those_that_can_write_do():
    made = without_annotations(
        [
            dict(type='KMaXPanopticMetric', ann_file='a'),
            dict(type='KMaXSemanticMetric', ann_file='a'),
            dict(type='SemSegMetric'),
            dict(type='CocoMetric', outfile_prefix='own'),
        ],
        'work/results',
    )
    assert made == [
        dict(
            type='KMaXPanopticMetric',
            ann_file='a',
            outfile_prefix='work/results',
            format_only=True,
        ),
        dict(type='SemSegMetric', output_dir='work/results', format_only=True),
        dict(type='CocoMetric', outfile_prefix='own', format_only=True),
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
    configs = Path(__file__).resolve().parents[2] / 'configs' / 'kmax'
    cfg = Config.fromfile(str(configs / f'{name}.py'))
    (made,) = without_annotations(cfg.test_evaluator, 'r', cfg.default_scope)
    assert made == dict(cfg.test_evaluator, output_dir='r', format_only=True)


def test_unknown_metrics_are_named():
    evaluators = [dict(type='KMaXPanopticMetric', ann_file='a'), dict(type='CocoMetrc')]
    with pytest.raises(ValueError, match=r"names \['CocoMetrc'\], but default_scope \"mmdet\""):
        without_annotations(evaluators, 'r')


@pytest.mark.parametrize(
    'evaluators',
    [
        [
            dict(type='KMaXPanopticMetric', ann_file='a'),
            dict(type='KMaXCityscapesPanopticMetric', ann_file='a', outfile_prefix='./work/r'),
        ],
        [dict(type='KMaXInstanceMetric', ann_file=name) for name in 'ab'],
        [dict(type='SemSegMetric'), dict(type='SemSegMetric')],
    ],
    ids=lambda evaluators: evaluators[1]['type'],
)
def test_two_that_would_write_the_same_files_are_refused(evaluators):
    first, second = (config['type'] for config in evaluators)
    with pytest.raises(
        ValueError, match=f'--format-only: .*{first} and {second} both write to .*work/r'
    ):
        without_annotations(evaluators, 'work/r')


def test_two_that_write_elsewhere_may_write_the_same_kind():
    evaluators = [dict(type='KMaXPanopticMetric', ann_file='a', outfile_prefix=p) for p in 'pq']
    made = without_annotations([*evaluators, dict(type='KMaXInstanceMetric', ann_file='a')], 'p')
    assert [config['outfile_prefix'] for config in made] == ['p', 'q', 'p']


@pytest.mark.parametrize('section', ['val_evaluator', 'test_evaluator'])
@pytest.mark.parametrize(
    ('first', 'second'),
    [
        (
            dict(type='KMaXPanopticMetric', outfile_prefix='work/r'),
            dict(type='CocoPanopticMetric', outfile_prefix='./work/r'),
        ),
        (
            dict(type='KMaXInstanceMetric', outfile_prefix='work/r'),
            dict(type='mmdet.CocoMetric', outfile_prefix='work/r'),
        ),
        (dict(type='SemSegMetric', output_dir='work/r'),) * 2,
    ],
    ids=lambda config: config['type'],
)
def test_runs_that_evaluate_are_checked_too(section, first, second):
    others = [dict(type='KMaXPanopticMetric', ann_file='a'), dict(type='Unknown')]
    cfg = Config({'default_scope': 'mmdet', section: [first, *others, second]})
    names = f'{first["type"]} and {second["type"]}'
    with pytest.raises(ValueError, match=f'^{section}: {names} both write to .*work/r'):
        check_destinations(cfg)


def test_one_destination_may_hold_several_kinds():
    kinds = ('KMaXPanopticMetric', 'KMaXInstanceMetric', 'KMaXCityscapesInstanceMetric')
    evaluators = [dict(type=kind, outfile_prefix='r') for kind in kinds]
    check_destinations(
        Config(dict(default_scope='mmdet', val_evaluator=evaluators, test_evaluator=evaluators))
    )
    check_destinations(Config(dict(test_evaluator=dict(type='mmdet.CocoMetric'))))

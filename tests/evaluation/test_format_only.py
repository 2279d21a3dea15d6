"""Which evaluators of a config write predictions, and where."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import pytest

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

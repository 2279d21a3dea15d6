"""A metric that writes files is one class: what else knows of such metrics reads it there."""

import pytest
from mmdet.evaluation import CocoMetric
from mmdet.registry import METRICS
from mmengine.config import Config

from projects.kmax.evaluation import image_metric
from projects.kmax.evaluation.all_tasks import add_all_tasks
from projects.kmax.evaluation.destinations import check_destinations
from projects.kmax.evaluation.file_metric import FileMetric
from projects.kmax.evaluation.format_only import without_annotations

TRUTH = dict(ann_file='a.json', seg_prefix='a')


class Mean(FileMetric):
    """Writes the numbers of the samples, a line each, and averages them."""

    default_prefix = 'toy'
    suffixes = ('.numbers.txt', '.folder')
    task = 'instance'

    def __init__(self, unit='', **options):
        super().__init__(**options)
        self.unit = unit

    def examine(self, sample):
        number = sample['number']
        return lambda: number

    def publish(self, outcomes):
        lines = [f'{number}{self.unit}\n' for number in outcomes.values()]
        self.destinations[0].write_text(''.join(lines))

    def figures(self, outcomes):
        self.show_classes(('mean',), [(name, '2.000') for name in self.dataset_meta['classes']])
        return dict(mean=sum(outcomes.values()) / len(outcomes))


class HalfMean(Mean):
    """Says nothing of files itself."""


class OtherCocoMetric(CocoMetric):
    """A subclass of a metric of mmdet's."""


SAMPLES = [dict(img_id=number, number=number) for number in (1, 2, 3)]


@pytest.fixture(autouse=True)
def _registered():
    """Know the metrics by their names while a test lasts."""
    kinds = (Mean, HalfMean, OtherCocoMetric)
    for kind in kinds:
        METRICS.register_module(module=kind)
    yield
    for kind in kinds:
        del METRICS._module_dict[kind.__name__]


def test_it_evaluates_and_writes(evaluate, tmp_path, monkeypatch):
    printed = []
    monkeypatch.setattr(image_metric, 'print_log', lambda text, **_: printed.append(text))
    options = dict(unit=' m', outfile_prefix=str(tmp_path / 'r'), classwise=True)
    assert evaluate('HalfMean', ['cat'], SAMPLES, **options) == {'toy/mean': 2}
    assert (tmp_path / 'r.numbers.txt').read_text() == '1 m\n2 m\n3 m\n'
    (table,) = printed
    assert [line.split() for line in table.splitlines()[2:5:2]] == [
        ['|', 'class', '|', 'mean', '|'],
        ['|', 'cat', '|', '2.000', '|'],
    ]
    evaluate('Mean', ['cat'], SAMPLES)
    assert len(printed) == 1 and [path.name for path in tmp_path.iterdir()] == ['r.numbers.txt']


def test_its_arguments_are_checked():
    with pytest.raises(ValueError, match='format_only=True needs outfile_prefix: where to write'):
        HalfMean(format_only=True)
    with pytest.raises(TypeError, match='unexpected keyword argument'):
        HalfMean(outfile='r')


def test_format_only_makes_it_write_alone(evaluate, tmp_path):
    evaluators = [dict(type='HalfMean', unit=' m'), dict(type='KMaXSemanticMetric', **TRUTH)]
    (made,) = without_annotations(evaluators, str(tmp_path / 'r'))
    assert made.pop('type') == 'HalfMean'
    assert made == dict(unit=' m', outfile_prefix=str(tmp_path / 'r'), format_only=True)
    assert evaluate('HalfMean', ['cat'], SAMPLES, **made) == {}
    assert (tmp_path / 'r.numbers.txt').read_text() == '1 m\n2 m\n3 m\n'


@pytest.mark.parametrize(
    ('first', 'second', 'path'),
    [
        ('Mean', 'Mean', 'r.numbers.txt'),
        ('Mean', 'mmdet.HalfMean', 'r.numbers.txt'),
        ('CocoMetric', 'OtherCocoMetric', 'r.segm.json'),
        ('KMaXInstanceMetric', 'OtherCocoMetric', 'r.segm.json'),
    ],
)
def test_its_destination_is_checked(first, second, path):
    evaluators = [dict(type=kind, outfile_prefix='r') for kind in (first, second)]
    with pytest.raises(ValueError, match=f'test_evaluator: {first} and {second} both .* {path}: '):
        check_destinations(Config(dict(default_scope='mmdet', test_evaluator=evaluators)))
    with pytest.raises(ValueError, match=f'--format-only: .*{first} and {second} both .* {path}: '):
        without_annotations(evaluators, 'r')


def test_all_tasks_adds_no_second_metric_of_its_task():
    evaluators = [dict(type='KMaXPanopticMetric', **TRUTH), dict(type='mmdet.HalfMean')]
    cfg = Config(dict(default_scope='mmdet', model={}, test_evaluator=evaluators))
    add_all_tasks(cfg)
    assert [config.type for config in cfg.test_evaluator[2:]] == ['KMaXSemanticMetric']

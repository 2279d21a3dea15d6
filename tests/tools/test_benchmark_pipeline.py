"""The benchmark compares what it times, and measures the workers it starts."""

import importlib
import os
import sys

import numpy as np
import pytest
from imports import ROOT
from mmdet.registry import TRANSFORMS
from mmengine.registry import init_default_scope

from projects.kmax.datasets import KMaXAutoAugment


@pytest.fixture(scope='module')
def tool():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / 'tools')
        for name in ('pipeline', 'pipeline_speed', 'scenes', 'worker_memory'):
            importlib.import_module(f'benchmarks.{name}')
        yield sys.modules['benchmarks']


@pytest.fixture(scope='module')
def folder(tool, tmp_path_factory):
    """Four scenes of 96x80 pixels."""
    path = tmp_path_factory.mktemp('scenes')
    tool.scenes.draw_scenes(path, (96, 80), 4)
    init_default_scope('mmdet')
    return path


@pytest.fixture
def dataset(tool, folder):
    return tool.scenes.build_dataset(tool.pipeline.CONFIG, folder, crop_size=129)


def test_a_pipeline_with_steps_of_others_is_timed_alone(tool, dataset):
    dataset.pipeline.transforms.insert(-1, TRANSFORMS.build(dict(type='PhotoMetricDistortion')))
    milliseconds, comparison = tool.pipeline_speed.measure(dataset, pairs=1)
    assert list(milliseconds) == ['ours']
    assert milliseconds['ours']['PhotoMetricDistortion'] > 0
    assert comparison == 'not compared: there is no plain PhotoMetricDistortion'


@pytest.mark.parametrize('operations', ['none', 'drawn'])
def test_plain_steps_give_the_same_samples(operations, tool, dataset):
    if operations == 'none':
        *_, paste, _ = steps = dataset.pipeline.transforms
        for step in [*steps, *paste.source_pipeline.transforms]:
            if isinstance(step, KMaXAutoAugment):
                step.policy = [[]]
    milliseconds, comparison = tool.pipeline_speed.measure(dataset, pairs=12)
    assert comparison.pixels == 13 * 3 * 129 * 129
    assert comparison.differing < 0.01 * comparison.pixels
    # Operations tear neighbouring levels apart, as solarize does at its threshold.
    assert comparison.beyond_one == 0 or operations == 'drawn'
    assert len({tuple(steps) for steps in milliseconds.values()}) == 1, 'the same steps'
    lines = tool.pipeline_speed.table(milliseconds).splitlines()
    timed = [line.split()[0] for line in lines if line.startswith('KMaX')]
    names = ('Resize', 'RandomScale', 'AutoAugment', 'RandomPadCrop', 'PanopticCopyPaste')
    assert timed == [f'KMaX{name}' for name in names]
    assert sum(line.startswith('pasted') for line in lines) == 7
    assert float(lines[-1].split()[-3]) == 1


def test_samples_that_differ_are_noticed(tool, dataset):
    packed = tool.pipeline_speed.prepare(dataset.prepare_data, 0, 0)
    image = packed['inputs'].numpy()[::-1]
    ids = packed['data_samples'].gt_panoptic_seg.ids[0].numpy()
    labels = packed['data_samples'].gt_segments.labels.numpy()
    comparison = tool.pipeline_speed.Comparison()
    comparison.add(packed, (image + np.float32([[[0]], [[1]], [[2]]]), ids, labels))
    assert (comparison.differing, comparison.beyond_one) == (2 * image[0].size, image[0].size)
    with pytest.raises(AssertionError):
        comparison.add(packed, (image, np.where(ids == 1, 0, ids), labels))
    with pytest.raises(AssertionError):
        comparison.add(packed, (image, ids, labels[::-1]))


def test_time_of_inner_steps_is_not_counted_twice(tool, monkeypatch):
    clock = iter([0, 1, 4, 10])
    monkeypatch.setattr(
        importlib.import_module('benchmarks.pipeline_speed').time,
        'process_time',
        lambda: next(clock),
    )
    watch = tool.pipeline_speed.Stopwatch()
    assert watch.timed('outer', lambda: watch.timed('inner', lambda: 7)) == 7
    assert watch.seconds == {'inner': 3, 'outer': 7}


def test_memory_of_every_worker_is_measured(tool, folder):
    path = tool.scenes.repeat_annotations(folder, 40)
    dataset = tool.scenes.build_dataset(tool.pipeline.CONFIG, folder, path.name, crop_size=65)
    assert len(dataset) == 40
    points = list(
        tool.worker_memory.measure_epoch(dataset, workers=2, batch_size=2, samples=40, points=3)
    )
    assert [count for count, _, _ in points] == [16, 28, 40]
    for _, seconds, memory in points:
        assert seconds > 0 and 0 < memory['Private'] <= memory['Pss'] <= memory['Rss']


@pytest.mark.slow
def test_workers_do_not_copy_the_annotations(tool, folder):
    """What a worker adds stays the same for 100 times as many images."""
    private = []
    for count in (400, 40000):
        path = tool.scenes.repeat_annotations(folder, count)
        dataset = tool.scenes.build_dataset(tool.pipeline.CONFIG, folder, path.name, crop_size=65)
        assert not dataset.data_list
        *_, (_, _, memory) = tool.worker_memory.measure_epoch(dataset, 1, 4, samples=400, points=2)
        private.append(memory['Private'])
    assert private[1] - private[0] < 4, f'MiB of a worker: {private}'


def test_arguments_are_checked(tool, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tool', '--batch-size', '0'])
    with pytest.raises(SystemExit) as error:
        tool.pipeline.parse_args()
    assert error.value.code == 2
    assert '--batch-size must be at least 1' in capsys.readouterr().err


def test_own_memory_is_read(tool):
    memory_file = importlib.import_module('benchmarks.worker_memory')
    memory = memory_file.read_memory(os.getpid())
    assert 20 < memory['Pss'] <= memory['Rss']

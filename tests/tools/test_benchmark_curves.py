"""The curves of cost, of a small model at two points each."""

import importlib
import json
import sys
from collections import OrderedDict

import pytest
from helpers import NANO
from imports import ROOT
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

from projects.kmax.benchmark.conditions import Conditions

SMALL = Conditions(size=(65, 65), output=(48, 64), segments=3)
TRAINING = Conditions(size=(65, 65), segments=3, train=True)


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs the tool on small series."""
    monkeypatch.setattr(MMLogger, '_instance_dict', OrderedDict())
    monkeypatch.setattr(DefaultScope, '_instance_dict', OrderedDict())
    monkeypatch.syspath_prepend(ROOT / 'tools')
    tool = importlib.import_module('benchmarks.curves')
    series = {'queries': ('queries', SMALL, (4, 8)), 'train_batch': ('images', TRAINING, (1, 2))}
    monkeypatch.setattr(tool, 'SERIES', series)

    def run(*words):
        monkeypatch.setattr(sys, 'argv', ['benchmark_curves.py', *map(str, words)])
        tool.main()

    return run


def test_points_of_every_series(run, tmp_path):
    picture, figures = tmp_path / 'curves.png', tmp_path / 'curves.json'
    run(NANO, '--runs', 1, '--picture', picture, '--json', figures)
    found = json.loads(figures.read_text())
    assert [point['value'] for point in found['queries']] == [4, 8]
    one, two = found['train_batch']
    assert two['gmacs'] == pytest.approx(2 * one['gmacs'], rel=0.05)
    assert one['live_mib'] < two['live_mib'] and one['cpu_s'] > 0
    assert picture.read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(
    ('config', 'line'),
    [
        (ROOT / 'configs/kmax/kmax_r18_camvid-semantic.py', 'lacks model.panoptic_head.transf'),
        ('nope', 'file nope does not exist'),
    ],
)
def test_bad_configs_are_one_line(config, line, monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / 'tools')
    monkeypatch.setattr(sys, 'argv', ['benchmark_curves.py', str(config)])
    with pytest.raises(SystemExit) as end:
        importlib.import_module('_command').of_clone('benchmarks.curves')
    err = capsys.readouterr().err
    assert end.value.code == 2 and line in err and err.count('\n') == 1

"""The benchmark of panoptic quality, on few images."""

import importlib
import re
import sys
from collections import OrderedDict

import pytest
from imports import ROOT
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

NAMES = ('KMaXPanopticMetric', 'pq_compute', 'panopticapi, 1 core', 'CocoPanopticMetric')


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that runs the tool and returns what it printed."""
    # Its quiet logger must not stay the current one.
    monkeypatch.setattr(MMLogger, '_instance_dict', OrderedDict())
    # Another test may have left the scope of a config.
    monkeypatch.setattr(DefaultScope, '_instance_dict', OrderedDict())
    monkeypatch.syspath_prepend(ROOT / 'tools')
    tool = importlib.import_module('benchmarks.pq')

    def run(*arguments, **changes):
        for name, value in changes.items():
            monkeypatch.setattr(tool, name, value)
        monkeypatch.setattr(sys, 'argv', ['benchmark_pq.py', *arguments])
        tool.main()
        return capsys.readouterr().out

    return run


def test_table(run):
    printed = run('--images', '2')
    assert '2 images of 640x480' in printed
    for name in NAMES:
        assert re.search(rf'^{name} +\d+\.\d\d .*x +(0.0e\+00|\d\.\de-1[3-9])$', printed, re.M)


def test_hotcoco_is_a_peer(run):
    pytest.importorskip('hotcoco', reason='hotcoco is not installed')
    assert re.search(r'^hotcoco +\d+\.\d\d ', run('--images', '2'), re.M)


def test_difference_is_an_error(run):
    wrong = {f'{name}{kind}': -1.0 for name in ('PQ', 'SQ', 'RQ') for kind in ('', '_th', '_st')}
    with pytest.raises(SystemExit, match='the figures differ by'):
        run('--images', '1', run_panopticapi=lambda folder: wrong)


def test_bad_number_of_images(run, capsys):
    with pytest.raises(SystemExit) as caught:
        run('--images', '0')
    assert caught.value.code == 2
    assert '--images must be at least 1, but is 0' in capsys.readouterr().err

"""What docs/training.md says of figures and hooks, and its hook."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest
import torch
from imports import ROOT
from mmengine.config import Config

PAGE = (ROOT / 'docs' / 'training.md').read_text()
CONFIG = ROOT / 'configs' / 'kmax' / 'kmax_r50_8xb8-150k_coco-panoptic.py'
NAME = re.compile(r'`([\w.]+)`')
IN_THE_LOG_ALONE = {'eta'}
CENTERS = 'panoptic_head.transformer_decoder.cluster_centers.weight'


def section(title):
    return PAGE.partition(f'## {title}\n')[2].partition('\n## ')[0]


def first_cells(title):
    rows = re.findall(r'^\| (`.+?) \| ', section(title), re.MULTILINE)
    return {name for cell in rows for name in NAME.findall(cell)}


def test_every_figure_is_told(training):
    runner = training(
        2,
        visualizer=dict(vis_backends=[dict(type='LocalVisBackend')]),
        log_processor=dict(type='KMaXLogProcessor', window_size=1, by_epoch=False),
        custom_hooks=[dict(type='GradientNormHook')],
    )
    lines = next(Path(runner.work_dir).glob('*/vis_data/scalars.json')).read_text().splitlines()
    found = set(json.loads(lines[1]))
    # The tiny model has three layers.
    assert {name for name in found if name.startswith('d2.')} == {
        f'd2.{name}'
        for name in ('loss_cls', 'loss_dice', 'loss_mask', 'loss_insdis', 'pixel_accuracy')
    }
    found = {name for name in found if not name.startswith(('d1.', 'd2.'))}
    told = first_cells('What the log tells') - IN_THE_LOG_ALONE
    assert {name for name in found if not name.startswith('d0.')} == {
        name for name in told if not name.startswith('d0.')
    }
    assert {name for name in told if name.startswith('d0.')} <= found


def test_hooks_are_those_of_the_configs():
    config = Config.fromfile(CONFIG)
    text = section('Hooks')
    rows = re.findall(r'^\| `(\w+)` \| `(\w+Hook)`', text, re.MULTILINE)
    assert rows == [(name, hook.type) for name, hook in config.default_hooks.items()]
    custom = text.partition('| in `custom_hooks` |')[2].partition('\n\n')[0]
    assert re.findall(r'^\| `(\w+)`', custom, re.MULTILINE) == [
        hook.type for hook in config.custom_hooks
    ]


def examples():
    return re.findall(r'```python\n(.*?)```', section('Hooks'), re.DOTALL)


@pytest.fixture
def my_hooks(tmp_path, monkeypatch):
    """The page's hook, as a module that configs import."""
    from mmengine.registry import HOOKS

    (tmp_path / 'my_hooks.py').write_text(examples()[0])
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module('my_hooks')
    del sys.modules['my_hooks']
    HOOKS.module_dict.pop('FreezeBackboneHook', None)


def test_a_hook_of_ones_own(training, my_hooks, tmp_path):
    checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=1)
    hook = dict(type='FreezeBackboneHook', iterations=2)
    runner = training(3, custom_hooks=[hook], default_hooks=dict(checkpoint=checkpoint))
    names = {f'backbone.{name}' for name, _ in runner.model.backbone.named_parameters()}
    first, second, third = (
        torch.load(tmp_path / f'iter_{number}.pth', weights_only=False)['state_dict']
        for number in (1, 2, 3)
    )
    same = {name for name in names if torch.equal(first[name], second[name])}
    moved = {name for name in names if not torch.equal(second[name], third[name])}
    # Some kernels have no gradient yet.
    assert same == names and 'backbone.conv1.weight' in moved and len(moved) > len(names) / 2
    assert not torch.equal(first[CENTERS], second[CENTERS])


def test_the_config_of_the_hook(my_hooks, tmp_path):
    (tmp_path / 'mine.py').write_text(examples()[1])
    config = Config.fromfile(tmp_path / 'mine.py')
    types = [hook.type for hook in config.custom_hooks]
    assert types[-1] == 'FreezeBackboneHook' and 'CheckFiniteHook' in types

import importlib
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config


def load(name):
    return importlib.import_module(f'projects.kmax.commands.{name}')


def parse(tool, monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['tool', *map(str, arguments)])
    return tool.parse_args()


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'toy.py'
    path.write_text('a = dict(b=1)\nwork_dir = None\noptim_wrapper = dict(type="OptimWrapper")')
    return path


REFUSED = {
    'train absent.py absent.pth': 'file absent.py does not exist',
    'test absent.py absent.pth': 'file absent.py does not exist',
    'train toy.py --resume absent.pth': 'absent.pth does not exist',
    'test toy.py absent.pth': 'absent.pth does not exist',
    'test toy.py toy.py --out result.json': '--out must end in .pkl',
    'test toy.py toy.py --outfile-prefix results': '--outfile-prefix needs --format-only',
    'train toy.py --amp': '--amp needs a GPU',
    'train toy.py --cfg-options a': "'a' must be KEY=VALUE",
    'train --cfg-options a.b=1 toy.py': "'toy.py' must be KEY=VALUE; a path comes before them",
    'train toy.py --cfg-options =1': "'=1' must be KEY=VALUE",
    'train toy.py --new-classes --resume': '--new-classes starts a training and excludes --resume',
}


@pytest.mark.parametrize('words', REFUSED)
def test_wrong_arguments_are_named(words, config, monkeypatch, capsys):
    monkeypatch.chdir(config.parent)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    name, *arguments = words.split()
    with pytest.raises(SystemExit) as error:
        parse(load(name), monkeypatch, *arguments)
    assert error.value.code == 2
    assert REFUSED[words] in capsys.readouterr().err


def test_overrides_and_work_folder(config, monkeypatch):
    train = load('train')
    args = parse(
        train, monkeypatch, config, '--cfg-options', 'randomness.seed=2', 'custom_hooks=[3,4]'
    )
    cfg = train.load_config(args)
    assert cfg.randomness.seed == 2 and cfg.custom_hooks == [3, 4]
    assert cfg.work_dir == str(Path('work_dirs', 'toy'))
    args = parse(train, monkeypatch, config, '--work-dir', 'elsewhere')
    assert train.load_config(args).work_dir == 'elsewhere'


@pytest.mark.parametrize(
    ('arguments', 'start'),
    [
        ([], (False, 'a.pth')),
        (['--resume'], (True, 'work/iter_2.pth')),
        (['--resume', 'b.pth'], (True, 'b.pth')),
        (['--resume', 'https://x.org/b.pth'], (True, 'https://x.org/b.pth')),
        (['--resume', '--work-dir', 'empty'], (False, 'a.pth')),
        (['--cfg-options', 'resume=True', 'load_from=b.pth'], (True, 'b.pth')),
    ],
)
def test_resume(arguments, start, config, monkeypatch):
    monkeypatch.chdir(config.parent)
    for name in ('work/iter_2.pth', 'a.pth', 'b.pth'):
        Path(name).parent.mkdir(exist_ok=True)
        torch.save({}, name)
    config.write_text('load_from = "a.pth"\nwork_dir = "work"')
    train = load('train')
    args = parse(train, monkeypatch, config, *arguments)
    cfg = train.load_config(args)
    train.apply_options(cfg, args)
    assert (cfg.resume, cfg.load_from) == start


def test_learning_rate_scaling_needs_a_base(config, monkeypatch):
    train = load('train')
    args = parse(train, monkeypatch, config, '--auto-scale-lr')
    with pytest.raises(KeyError, match='lacks auto_scale_lr.base_batch_size'):
        train.apply_options(Config(dict()), args)
    cfg = Config(dict(auto_scale_lr=dict(enable=False, base_batch_size=64), work_dir='work'))
    train.apply_options(cfg, args)
    assert cfg.auto_scale_lr.enable

"""Errors that a user can cause: one line on stderr, status 2, and nothing left behind."""

import multiprocessing
import re
from pathlib import Path

import pytest
import torch
from helpers import NANO
from mmengine.logging import MMLogger

from kmax_deeplab import cli, errors


@pytest.fixture(autouse=True)
def _fresh_loggers():
    """Loggers of earlier tests write elsewhere."""
    MMLogger._instance_dict.clear()


@pytest.fixture
def fails(capfd, tmp_path, monkeypatch):
    """Return a function that gives the line of a command that must fail and leave no file."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        before = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
        capfd.readouterr()
        MMLogger._instance_dict.clear()
        with pytest.raises(SystemExit) as end:
            cli.main([str(word) for word in words])
        err = capfd.readouterr().err
        assert end.value.code == 2, err
        assert err.startswith(f'kmax-deeplab {words[0]}: error: ') and err.count('\n') == 1, err
        after = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
        assert before == after
        return err.rstrip('\n').partition(' error: ')[2]

    return run


CONFIGS = {
    'syntax': (b'a = 1\nb = (', r'config broken\.py, line 2: .*was never closed'),
    'indent': (b'a = 1\n  b = 2', r'config broken\.py, line 2: unexpected indent'),
    'name': (b'a = 1\nb = c', r"config broken\.py, line 2: NameError: name 'c' is not defined"),
    'loop': (b"_base_ = 'broken.py'", r'config broken\.py: its _base_ leads back'),
    'no base': (b"_base_ = 'nope.py'", r'config broken\.py: .*nope\.py: No such file'),
    'mark': (b'\xef\xbb\xbfa = 1', r'config broken\.py, line 1: .*byte order mark: save it as'),
    'utf-16': ('a = 1'.encode('utf-16'), r'config broken\.py: it is not UTF-8, save it as such'),
    'empty': (b'', r'config broken\.py is empty: it sets nothing'),
    'import': (b"custom_imports = dict(imports=['nope_x'])", r'config broken\.py: .*nope_x'),
    'two': (b"_base_ = ['good.py', 'same.py']", r'config broken\.py: KeyError: Duplicate key'),
    'base': (b"_base_ = 'bad.py'", r'config .*bad\.py, line 1: '),
    'null': (b'a = 1\0', r'config broken\.py.*: .*null bytes'),
}


@pytest.mark.parametrize('kind', CONFIGS)
def test_configs_that_cannot_be_read(kind, fails, tmp_path):
    content, message = CONFIGS[kind]
    (tmp_path / 'broken.py').write_bytes(content)
    (tmp_path / 'bad.py').write_text('a = (')
    (tmp_path / 'good.py').write_text('a = 1')
    (tmp_path / 'same.py').write_text('a = 1')
    for words in (['cost'], ['train'], ['check']):
        assert re.match(message, fails(*words, 'broken.py'))


@pytest.mark.parametrize('suffix', ['.json', '.yaml'])
def test_other_kinds_of_configs(suffix, fails, tmp_path):
    (tmp_path / f'broken{suffix}').write_text('{"a": [1')
    assert fails('cost', f'broken{suffix}').startswith(f'config broken{suffix}')


def test_what_is_missing_is_named(fails, tmp_path):
    assert fails('train', NANO) == ('panoptic JSON data/shapes/panoptic_train.json does not exist')
    assert 'file nope.pth does not exist' in fails('draw', NANO, 'nope.pth', 'out')
    assert 'nowhere is not the folder of a training' in fails('summarize', 'nowhere')
    assert 'nowhere' in fails('curve', 'nowhere')
    assert 'nope.pth' in fails('convert', 'port', 'nope.pth', 'x.pth', '--config', NANO)
    name = 'two\nlines.pth'
    assert 'two lines.pth does not exist' in fails('test', NANO, name)


def test_files_that_are_no_checkpoints(fails, tmp_path):
    (tmp_path / 'text.pth').write_text('no checkpoint')
    torch.save([1, 2], tmp_path / 'list.pth')
    (tmp_path / 'images').mkdir()
    for name, reason in (('text', 'cannot be read, it may be damaged'), ('list', 'holds no')):
        for words in (['test', NANO], ['draw', NANO], ['label', NANO]):
            places = [] if words[0] == 'test' else ['out']
            if words[0] == 'label':
                places = ['images', 'out']
            message = fails(*words, f'{name}.pth', *places)
            assert message.startswith(f'checkpoint {name}.pth {reason}')
        assert 'Traceback' not in message


def test_devices_that_are_not_there(fails, tmp_path):
    (tmp_path / 'a.pth').write_text('')
    for name in ('nope', 'cuda:99', 'cpu:x'):
        message = fails('draw', NANO, 'a.pth', 'out', '--device', name)
        assert message.startswith(f'argument --device: {name} cannot be used here: ')


def test_misspelt_settings(fails):
    message = fails('train', NANO, '--cfg-options', 'model.typ=X')
    assert 'unknown setting model.typ' in message and not message.startswith(("'", '"'))


def test_traceback_on_request(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        cli.main(['train', str(NANO), '--traceback'])
    err = capfd.readouterr().err
    assert end.value.code == 2 and 'Traceback' in err
    assert err.splitlines()[-1].startswith('kmax-deeplab train: error: panoptic JSON')


def test_faults_of_the_program_are_shown_whole(capfd, monkeypatch, tmp_path):
    monkeypatch.setattr('projects.kmax.engine.model_cost.model_cost', lambda *_: {}['key'])
    with pytest.raises(SystemExit) as end:
        cli.main(['cost', str(NANO)])
    err = capfd.readouterr().err
    assert end.value.code == 1 and 'Traceback' in err
    assert 'error: KeyError is a fault of the program' in err.splitlines()[-1]


def test_ctrl_c(capfd, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('projects.kmax.engine.model_cost.model_cost', interrupt)
    with pytest.raises(SystemExit) as end:
        cli.main(['cost', str(NANO)])
    assert end.value.code == 130
    assert capfd.readouterr().err == 'kmax-deeplab cost: error: interrupted\n'


class Broken(torch.utils.data.Dataset):
    """Raises what it is told to."""

    def __init__(self, kind):
        self.kind = kind

    def __len__(self):
        return 2

    def __getitem__(self, index):
        if self.kind is IndexError:
            return [][index]
        if self.kind is OSError:
            return Path('absent.png').read_bytes()
        raise self.kind(f'file {index}.png: is broken; delete it')


@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        (ValueError, 'file 0.png: is broken; delete it'),
        (KeyError, 'file 0.png: is broken; delete it'),
        (OSError, "[Errno 2] No such file or directory: 'absent.png'"),
        (IndexError, None),
    ],
)
def test_errors_of_data_workers_lose_their_wrapper(kind, message):
    loader = torch.utils.data.DataLoader(Broken(kind), num_workers=1)
    with pytest.raises(kind if kind is not OSError else FileNotFoundError) as error:
        next(iter(loader))
    assert errors.explain(error.value) == message


def fail(kind):
    raise kind('file: is broken')


def test_errors_of_pools_are_judged_where_they_were_raised():
    with multiprocessing.get_context('fork').Pool(1) as pool:
        for kind, message in ((ValueError, 'file: is broken'), (IndexError, None)):
            with pytest.raises(kind) as error:
                pool.apply(fail, [kind])
            assert errors.explain(error.value) == message


def test_of_several_processes_one_speaks(capfd, monkeypatch, tmp_path):
    (tmp_path / 'attempt' / '0').mkdir(parents=True)
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(tmp_path / 'attempt' / '0' / 'error.json'))
    monkeypatch.chdir(tmp_path)
    for words in (['train', 'nope.py'], ['train', str(NANO)]):
        with pytest.raises(SystemExit) as end:
            cli.main(words)
        assert end.value.code == 2
    assert capfd.readouterr().err.count('\n') == 1

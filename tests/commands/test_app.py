"""The command that serves the page: what it refuses before a model is loaded."""

import socket

import pytest
from helpers import NANO, run_command

from projects.kmax.commands import app

pytest.importorskip('gradio', reason='the page needs gradio')


def refused(capsys, *options):
    """Run the command; return the only line that it prints."""
    with pytest.raises(SystemExit) as stop:
        run_command('app', 'app', *options)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_port_in_use(capsys):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused(capsys, '--port', port)
    assert f'port {port} of 127.0.0.1 is in use: give another by --port' in line


def test_gradio_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(app, 'find_spec', lambda name: None)
    assert "pip install 'kmax-deeplab[app]'" in refused(capsys)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--port', 0], '--port: 0 is no port: give 1 to 65535'),
        (['--port', 'x'], '--port: x is no port'),
        (['--host', '192.0.2.1'], '--host 192.0.2.1, --port 7860: cannot listen there'),
        (['--max-megapixels', 0], '--max-megapixels must be at least 1'),
        (['--max-upload', 0], '--max-upload must be at least 1'),
        (['--queue', 0], '--queue must be at least 1'),
        (['--model', NANO, '--weights', 'none.pth'], 'file none.pth does not exist'),
    ],
)
def test_options_that_cannot_be(capsys, options, message):
    assert message in refused(capsys, *options)


def test_without_a_model_of_the_quickstart(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert 'there is no demo model in work_dirs/quickstart' in refused(capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('host', 'warns'),
    [('127.0.0.1', False), ('::1', False), ('localhost', False), ('0.0.0.0', True)],
)
def test_warns_where_others_can_reach_it(capsys, host, warns):
    app._say_where(host, 7860)
    out, err = capsys.readouterr()
    assert f'http://{host}:7860' in out
    assert err.startswith('warning: whoever reaches port 7860') == warns


def test_models_are_told_apart():
    same = [('a/x.py', '1.pth'), ('a/x.py', '2.pth')]
    assert app._distinct([('a/x.py', '1.pth'), ('b/y.py', '1.pth')]) == ['x', 'y']
    assert app._distinct(same) == ['x, 1', 'x, 2']
    with pytest.raises(ValueError, match='name the model that --model does'):
        app._distinct([same[0], same[0]])

"""The command from its start to its end, in a process of its own."""

import os
import signal
import subprocess
import sys
import urllib.request

import pytest
from helpers import NANO, free_port
from imports import ROOT

pytest.importorskip('gradio', reason='the page needs gradio')
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ('number', 'status'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=['INT', 'TERM']
)
def test_nothing_is_left_when_it_ends(weights, tmp_path, number, status):
    port = free_port()
    options = ['--model', NANO, '--weights', weights, '--device', 'cpu', '--port', port]
    process = subprocess.Popen(
        [sys.executable, 'tools/app.py', *map(str, options)],
        cwd=ROOT,
        env={**os.environ, 'TMPDIR': str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert any(f'the page is at http://127.0.0.1:{port}' in line for line in process.stdout)
        assert list(tmp_path.glob('kmax-app-*'))
        assert urllib.request.urlopen(f'http://127.0.0.1:{port}').status == 200
        process.send_signal(number)
        assert process.wait(timeout=30) == status
    assert list(tmp_path.glob('kmax-app-*')) == []

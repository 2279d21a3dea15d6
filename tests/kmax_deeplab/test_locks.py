"""A folder has one writer at a time, whose end frees it."""

import json
import re
import socket
import sys
from subprocess import PIPE, Popen, run

import pytest

from kmax_deeplab.locks import LOCK_NAME, hold_folder, is_alive, release_folders

HOLD = (
    'import sys; from pathlib import Path; from kmax_deeplab.locks import hold_folder; '
    'hold_folder(Path(sys.argv[1])); print(flush=True); sys.stdin.read()'
)


@pytest.fixture
def other(tmp_path):
    """Another process that holds the folder."""
    command = [sys.executable, '-c', HOLD, str(tmp_path)]
    with Popen(command, stdin=PIPE, stdout=PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_another_process_is_named(tmp_path, other):
    owner = f'process {other.pid} on {socket.gethostname()} (-c {tmp_path})'
    with pytest.raises(ValueError, match=f'^{tmp_path} is in use by {re.escape(owner)}: wait'):
        hold_folder(tmp_path)
    assert json.loads((tmp_path / LOCK_NAME).read_text())['pid'] == other.pid
    release_folders([tmp_path])
    assert (tmp_path / LOCK_NAME).exists(), 'another process holds it'


@pytest.mark.parametrize('end', ['kill', 'terminate'])
def test_its_end_frees_the_folder(tmp_path, other, end):
    getattr(other, end)()
    other.wait()
    assert (tmp_path / LOCK_NAME).exists() and not is_alive(other.pid)
    hold_folder(tmp_path)
    assert json.loads((tmp_path / LOCK_NAME).read_text())['pid'] != other.pid
    release_folders([tmp_path])
    assert not list(tmp_path.iterdir())


def test_one_process_may_hold_a_folder_twice(tmp_path):
    for _ in range(2):
        hold_folder(tmp_path / 'new')
    release_folders([tmp_path / 'new', tmp_path / 'never held'])
    assert not list((tmp_path / 'new').iterdir())


def test_two_names_of_a_folder_are_one(tmp_path, other):
    (tmp_path / 'link').symlink_to(tmp_path)
    with pytest.raises(ValueError, match='link is in use by process'):
        hold_folder(tmp_path / 'link')


@pytest.mark.parametrize('end', ['', 'raise ValueError', 'os.fork() or sys.exit(); os.wait()'])
def test_no_lock_file_remains_of_a_process_that_ends(tmp_path, end):
    hold = HOLD.partition('print')[0]
    check = 'assert (Path(sys.argv[1]) / ".in_use").exists()'
    run([sys.executable, '-c', f'{hold} import os\n{end}\n{check}', str(tmp_path)], stderr=PIPE)
    assert not list(tmp_path.iterdir())
    if end.startswith('os.fork'):
        code = f'{hold} import os\n{end}\n{check}'
        assert run([sys.executable, '-c', code, str(tmp_path)]).returncode == 0

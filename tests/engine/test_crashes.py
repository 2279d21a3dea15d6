"""What is left when a training is killed, a checkpoint is damaged or the disk is full."""

import importlib.util
import os
import random
import resource
import signal
import time
from pathlib import Path

import pytest
import torch

import projects.kmax  # noqa: F401
from projects.kmax.engine.latest_checkpoint import find_whole_checkpoint

spec = importlib.util.spec_from_file_location('forked', Path(__file__).parent / 'forked.py')
forked = importlib.util.module_from_spec(spec)
spec.loader.exec_module(forked)
Training = forked.Training
LENGTH = dict(
    train_cfg__max_iters=24, param_scheduler__end=24, default_hooks__checkpoint__max_keep_ckpts=2
)


def weights(folder, step):
    return torch.load(folder / f'iter_{step}.pth', map_location='cpu')['state_dict']


def files(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix in ('.pth', '.partial'))


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory):
    """Return the last weights of a whole run and the seconds it took."""
    folder = tmp_path_factory.mktemp('whole') / 'run'
    start = time.monotonic()
    training = Training(folder, **LENGTH)
    assert training.wait() == 0, training.output
    return weights(folder, 24), time.monotonic() - start


def die_while_writing(call):
    """Return a function that makes a process kill itself at some call of ``fsync``."""

    def prepare():
        calls = iter(range(1, 1000))
        fsync = os.fsync

        def fsync_or_die(descriptor):
            if next(calls) == call:
                os.killpg(os.getpid(), signal.SIGKILL)
            fsync(descriptor)

        os.fsync = fsync_or_die

    return prepare


def check_resuming(folder, expected):
    checkpoint = find_whole_checkpoint(str(folder)) if folder.exists() else None
    resumed = Training(folder, '--resume', **LENGTH)
    assert resumed.wait() == 0, resumed.output
    if checkpoint is not None:
        step = int(checkpoint.rpartition('_')[2].removesuffix('.pth'))
        assert f'resumed epoch: 0, iter: {step}' in resumed.output
    torch.testing.assert_close(weights(folder, 24), expected, rtol=0, atol=0)
    # A kill between writing a checkpoint and removing an old one leaves the old one.
    assert {'iter_22.pth', 'iter_24.pth'} <= set(files(folder)) and len(files(folder)) <= 3
    assert not list(folder.glob('*.partial'))


MANY = [pytest.param(number, marks=pytest.mark.slow) for number in range(1, 10)]


@pytest.mark.parametrize('number', [0, *MANY])
def test_killed_at_any_moment(number, unbroken, tmp_path):
    expected, seconds = unbroken
    training = Training(tmp_path / 'run', **LENGTH)
    time.sleep(random.Random(number).uniform(0.2, 0.95) * seconds)
    training.kill()
    check_resuming(tmp_path / 'run', expected)


@pytest.mark.parametrize('number', [0, *MANY])
def test_killed_while_writing_a_checkpoint(number, unbroken, tmp_path):
    # Four calls per checkpoint: the file, its folder, last_checkpoint, its folder.
    call = 4 * random.Random(number).randrange(11) + number % 4 + 1
    training = Training(tmp_path / 'run', before=die_while_writing(call), **LENGTH)
    assert training.wait() == -signal.SIGKILL
    check_resuming(tmp_path / 'run', unbroken[0])


def test_damaged_newest_checkpoint_is_skipped_by_the_tool(unbroken, tmp_path):
    folder = tmp_path / 'run'
    first = Training(folder, **{**LENGTH, 'train_cfg__max_iters': 8})
    assert first.wait() == 0, first.output
    newest = folder / 'iter_8.pth'
    newest.write_bytes(newest.read_bytes()[:-50])
    resumed = Training(folder, '--resume', **LENGTH)
    assert resumed.wait() == 0
    assert f'WARNING - checkpoint {newest} is damaged (' in resumed.output
    assert 'resumed epoch: 0, iter: 6' in resumed.output
    torch.testing.assert_close(weights(folder, 24), unbroken[0], rtol=0, atol=0)


def test_full_disk_ends_the_tool_with_the_former_checkpoint(tmp_path):
    folder = tmp_path / 'run'
    size = dict(model__width=20000, param_scheduler__end=8)
    first = Training(folder, train_cfg__max_iters=2, **size)
    assert first.wait() == 0, first.output
    former = (folder / 'iter_2.pth').read_bytes()
    limit = len(former) // 2

    def fill_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    second = Training(folder, '--resume', before=fill_disk, train_cfg__max_iters=8, **size)
    assert second.wait() == 1
    last = second.output.strip().splitlines()[-1]
    assert f'OSError: [Errno 27] cannot write {folder / "iter_4.pth"} of ' in last
    assert files(folder) == ['iter_2.pth']
    assert (folder / 'iter_2.pth').read_bytes() == former
    assert (folder / 'last_checkpoint').read_text() == str(folder / 'iter_2.pth')

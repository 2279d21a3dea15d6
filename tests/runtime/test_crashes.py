"""What is left when a training is killed, a checkpoint is damaged or the disk is full."""

import os
import random
import resource
import signal
import threading
from functools import cache, partial
from itertools import count

import pytest
import torch
from forked import Training
from helpers import checkpoint_files as files

from projects.kmax.runtime import train_loop
from projects.kmax.runtime.latest_checkpoint import find_whole_checkpoint

TOY, NETWORK = 'toy_training_config.py', 'shapes_training_config.py'
# Iterations; every second one is saved, and two checkpoints are kept.
LENGTH = {TOY: 24, NETWORK: 8}
# Calls of fsync for a checkpoint: of the file, its folder, last_checkpoint and its folder.
CALLS = 4


def trained(folder, step):
    """Return weights and the optimiser's state in a checkpoint."""
    content = torch.load(folder / f'iter_{step}.pth', map_location='cpu')
    return content['state_dict'], content['optimizer']


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory, shapes_options):
    """Return a function from a config to its options and what a whole run of it ends with."""

    @cache
    def run(config):
        length = LENGTH[config]
        options = dict(
            config=config,
            train_cfg__max_iters=length,
            param_scheduler__end=length,
            default_hooks__checkpoint__max_keep_ckpts=2,
            **(shapes_options if config == NETWORK else {}),
        )
        folder = tmp_path_factory.mktemp('whole') / 'run'
        training = Training(folder, **options)
        assert training.wait() == 0, training.output
        return options, trained(folder, length)

    return run


def die():
    os.killpg(os.getpid(), signal.SIGKILL)


def die_after(iteration, seconds):
    """Make a process kill itself soon after an iteration has begun."""
    seed_step = train_loop.seed_step

    def seed_and_wind_up(seed, rank, current):
        if current == iteration:
            threading.Timer(seconds, die).start()
        seed_step(seed, rank, current)

    train_loop.seed_step = seed_and_wind_up


def die_while_writing(call):
    """Make a process kill itself at some call of ``fsync``."""
    calls, fsync = count(), os.fsync

    def fsync_or_die(descriptor):
        if next(calls) == call:
            die()
        fsync(descriptor)

    os.fsync = fsync_or_die


def check_resuming(folder, options, expected):
    checkpoint = find_whole_checkpoint(str(folder))
    resumed = Training(folder, '--resume', **options)
    assert resumed.wait() == 0, resumed.output
    if checkpoint is not None:
        step = int(checkpoint.rpartition('_')[2].removesuffix('.pth'))
        assert f'resumed epoch: 0, iter: {step}' in resumed.output
    end = options['train_cfg__max_iters']
    torch.testing.assert_close(trained(folder, end), expected, rtol=0, atol=0)
    # A kill between writing a checkpoint and removing an old one leaves the old one.
    assert {f'iter_{end - 2}.pth', f'iter_{end}.pth'} <= set(files(folder))
    assert len(files(folder)) <= 3
    assert not list(folder.glob('*.partial'))


MOMENTS = [
    (TOY, 0),
    *[pytest.param(TOY, number, marks=pytest.mark.slow) for number in range(1, 10)],
    *[pytest.param(NETWORK, number, marks=pytest.mark.slow) for number in range(3)],
]


@pytest.mark.parametrize(('config', 'number'), MOMENTS)
def test_killed_at_any_moment(config, number, unbroken, tmp_path):
    options, expected = unbroken(config)
    chance = random.Random(number)
    moment = chance.randrange(LENGTH[config] - 3), chance.uniform(0, 0.02)
    training = Training(tmp_path / 'run', before=partial(die_after, *moment), **options)
    assert training.wait() == -signal.SIGKILL
    assert not (tmp_path / 'run' / f'iter_{LENGTH[config]}.pth').exists()
    check_resuming(tmp_path / 'run', options, expected)


@pytest.mark.parametrize(('config', 'number'), MOMENTS)
def test_killed_while_writing_a_checkpoint(config, number, unbroken, tmp_path):
    options, expected = unbroken(config)
    written, part = random.Random(number).randrange(LENGTH[config] // 2), number % CALLS
    prepare = partial(die_while_writing, CALLS * written + part)
    training = Training(tmp_path / 'run', before=prepare, **options)
    assert training.wait() == -signal.SIGKILL
    name = f'iter_{2 * written + 2}.pth'
    folder = tmp_path / 'run'
    assert bool(list(folder.glob(f'{name}.*.partial'))) == (part == 0) != (folder / name).exists()
    assert bool(list(folder.glob('last_checkpoint.*.partial'))) == (part == 2)
    check_resuming(tmp_path / 'run', options, expected)


def test_damaged_newest_checkpoint_is_skipped_by_the_tool(unbroken, tmp_path):
    folder = tmp_path / 'run'
    options, expected = unbroken(TOY)
    first = Training(folder, **options | dict(train_cfg__max_iters=8))
    assert first.wait() == 0, first.output
    newest = folder / 'iter_8.pth'
    newest.write_bytes(newest.read_bytes()[:-50])
    resumed = Training(folder, '--resume', **options)
    assert resumed.wait() == 0
    assert f'WARNING - checkpoint {newest} is damaged (' in resumed.output
    assert 'resumed epoch: 0, iter: 6' in resumed.output
    torch.testing.assert_close(trained(folder, LENGTH[TOY]), expected, rtol=0, atol=0)


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
    assert second.wait() == 2
    last = second.output.strip().splitlines()[-1]
    assert f'train.py: error: [Errno 27] cannot write {folder / "iter_4.pth"} of ' in last
    assert files(folder) == ['iter_2.pth']
    assert (folder / 'iter_2.pth').read_bytes() == former
    assert (folder / 'last_checkpoint').read_text() == str(folder / 'iter_2.pth')

"""A signal ends a training after an iteration, with a checkpoint that goes on bit for bit."""

import os
import signal
import time
from functools import partial

import pytest
import torch
from forked import Training, start_two
from helpers import checkpoint_files as files
from mmengine.runner import ValLoop

from projects.kmax.runtime import stop_signals, train_loop

STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGUSR1: 138}
OPTIONS = dict(
    train_cfg__max_iters=9, param_scheduler__end=9, default_hooks__checkpoint__interval=100
)


def signal_at(iteration, number, target):
    """Make a process send a signal, to itself or its group, as an iteration begins."""
    seed_step = train_loop.seed_step

    def seed_and_send(seed, rank, current):
        if current == iteration and rank == 0:
            target(os.getpid(), number)
        seed_step(seed, rank, current)

    train_loop.seed_step = seed_and_send


def signal_in_validation(number):
    """Make a process send a signal to its group in the validation after iteration 4."""
    run_iter = ValLoop.run_iter

    def send_and_run(loop, index, batch):
        if loop.runner.iter == 4 and index == 1:
            os.killpg(os.getpid(), number)
        run_iter(loop, index, batch)

    ValLoop.run_iter = send_and_run


def trained(folder, step=9):
    content = torch.load(folder / f'iter_{step}.pth', map_location='cpu')
    return content['state_dict'], content['optimizer']


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory):
    """What a whole run ends with."""
    folder = tmp_path_factory.mktemp('whole') / 'run'
    training = Training(folder, **OPTIONS)
    assert training.wait() == 0, training.output
    return trained(folder)


# A group's signal comes to data workers, too.
@pytest.mark.parametrize(
    ('number', 'target'),
    [(signal.SIGTERM, os.killpg), (signal.SIGINT, os.killpg), (signal.SIGUSR1, os.kill)],
)
def test_a_signal_saves_and_the_run_goes_on_bit_for_bit(number, target, unbroken, tmp_path):
    folder = tmp_path / 'run'
    training = Training(folder, before=partial(signal_at, 4, number, target), **OPTIONS)
    assert training.wait() == STATUS[number], training.output
    assert files(folder) == ['iter_5.pth']
    assert 'stopped after iteration 5 of 9' in training.output
    assert f'saved {folder}/iter_5.pth; start it with --resume to go on' in training.output
    assert 'Traceback' not in training.output and ' error: ' not in training.output
    resumed = Training(folder, '--resume', **OPTIONS)
    assert resumed.wait() == 0, resumed.output
    torch.testing.assert_close(trained(folder), unbroken, rtol=0, atol=0)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize('stay', [True, False])
def test_a_signal_breaks_off_a_validation(number, stay, tmp_path):
    options = OPTIONS | dict(
        config='toy_validation_config.py', val_dataloader__persistent_workers=stay
    )
    whole = Training(tmp_path / 'whole', **options)
    folder = tmp_path / 'run'
    training = Training(folder, before=partial(signal_in_validation, number), **options)
    assert training.wait() == STATUS[number], training.output
    assert files(folder) == ['iter_4.pth']
    assert 'Traceback' not in training.output and ' error: ' not in training.output
    resumed = Training(folder, '--resume', **options)
    assert resumed.wait() == 0, resumed.output
    assert 'Iter(val) [6/6]' in resumed.output
    assert whole.wait() == 0, whole.output
    torch.testing.assert_close(trained(folder), trained(tmp_path / 'whole'), rtol=0, atol=0)


def twice(pause, pid, number):
    os.kill(pid, number)
    # The first is taken after a second.
    time.sleep(pause)
    os.kill(pid, number)


def test_a_second_signal_ends_at_once(tmp_path):
    prepare = partial(signal_at, 4, signal.SIGTERM, partial(twice, 0.1))
    training = Training(tmp_path / 'run', before=prepare, **OPTIONS)
    assert training.wait() == -signal.SIGTERM
    assert files(tmp_path / 'run') == []


def test_a_signal_handed_on_by_a_launcher_counts_once(tmp_path):
    folder = tmp_path / 'run'
    prepare = partial(send_while_noting, signal.SIGTERM)
    training = Training(folder, before=prepare, **OPTIONS)
    assert training.wait() == 143, training.output
    assert files(folder) == ['iter_5.pth']


def send_while_noting(number):
    """Make a process get a signal again while it takes the first."""
    signal_at(4, number, os.kill)
    sleep = time.sleep

    def send_and_sleep(seconds):
        if seconds == stop_signals.GRACE:
            os.kill(os.getpid(), number)
        sleep(seconds)

    time.sleep = send_and_sleep


def test_accumulated_gradients_are_not_cut(tmp_path):
    options = OPTIONS | dict(optim_wrapper__accumulative_counts=3)
    options['default_hooks__checkpoint__interval'] = 99
    prepare = partial(signal_at, 3, signal.SIGTERM, os.kill)
    training = Training(tmp_path / 'run', before=prepare, **options)
    assert training.wait() == 143, training.output
    assert files(tmp_path / 'run') == ['iter_6.pth']


def test_two_processes_stop_together_where_one_is_signalled(tmp_path):
    folder = tmp_path / 'run'
    prepare = partial(signal_at, 2, signal.SIGTERM, os.kill)
    ranks = start_two(folder, before=prepare, **OPTIONS)
    assert [rank.wait() for rank in ranks] == [143, 143], ranks[0].output + ranks[1].output
    assert files(folder) == ['iter_5.pth']

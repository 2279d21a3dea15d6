"""Two processes on CPUs: they train as one does, and end together."""

import os
import re
import signal
import time

import pytest
import torch
from forked import Training, start_one, start_two

LONG = dict(
    train_cfg__max_iters=10**6,
    param_scheduler__end=10**6,
    default_hooks__checkpoint__interval=10**6,
    default_hooks__logger__interval=20,
)
SECONDS = 60


@pytest.fixture
def killing():
    """Return a list of trainings to kill when the test ends."""
    trainings = []
    yield trainings
    for training in trainings:
        training.kill()


def test_two_processes_equal_one_with_the_doubled_batch(tmp_path, weights_of):
    # The model's own draws differ between processes.
    options = dict(model__noise=0.0)
    pair = start_two(tmp_path / 'two', train_dataloader__batch_size=1, **options)
    one = Training(tmp_path / 'one', train_dataloader__batch_size=2, **options)
    for training in (*pair, one):
        assert training.wait() == 0, training.output
    two, one = (weights_of(tmp_path / name / 'iter_8.pth') for name in ('two', 'one'))
    torch.testing.assert_close(two, one, rtol=1e-5, atol=1e-7)
    former = weights_of(tmp_path / 'one' / 'iter_4.pth')
    assert not torch.equal(former['layer.weight'], one['layer.weight'])


def test_nan_in_one_process_ends_both(tmp_path, killing):
    killing += start_two(tmp_path / 'run', train_dataloader__batch_size=1, model__nan_at=5)
    codes = [training.wait(SECONDS + 120) for training in killing]
    assert 0 not in codes
    messages = [training.output for training in killing]
    assert any('loss_toy is nan for the images images/5.jpg' in message for message in messages)
    assert all('rror: ' in message for message in messages)


def test_killed_process_ends_the_other_with_the_reason(tmp_path, killing):
    killing += start_two(tmp_path / 'run', **LONG)
    killing[0].wait_for('Iter(train)', 240)
    start = time.monotonic()
    os.kill(killing[1].process.pid, signal.SIGKILL)
    assert killing[0].wait(SECONDS) != 0
    assert time.monotonic() - start < SECONDS
    assert 'by peer' in killing[0].output


def test_killed_data_worker_ends_the_training_with_the_reason(tmp_path, killing):
    killing.append(Training(tmp_path / 'run', **LONG))
    killing[0].wait_for('Iter(train)', 240)
    os.kill(killing[0].children()[0], signal.SIGKILL)
    assert killing[0].wait(SECONDS) == 2
    # Which of them is told depends on whether the worker was just handing a tensor over: then torch
    # loses its socket.
    reasons = r'killed by signal: Killed|exited unexpectedly|(Connection\w+|EOF|FileNotFound)Error'
    assert re.search(reasons, killing[0].output), killing[0].output


@pytest.mark.parametrize('before', [2, 1])
def test_another_number_of_processes_goes_on_as_one_would(before, tmp_path):
    """Four iterations by so many processes, then four by the other number, of two images each."""

    def train(processes, folder, *words, **options):
        options |= dict(model__noise=0.0, train_dataloader__batch_size=2 // processes)
        start = start_two if processes == 2 else start_one
        started = start(tmp_path / folder, *words, **options)
        for training in started:
            assert training.wait() == 0, training.output
        return started[0].output

    train(before, 'broken', train_cfg__max_iters=4)
    output = train(3 - before, 'broken', '--resume')
    assert 'resumed epoch: 0, iter: 4' in output and 'images per iteration' not in output
    train(1, 'unbroken')
    resumed, unbroken = (
        torch.load(tmp_path / name / 'iter_8.pth') for name in ('broken', 'unbroken')
    )
    assert resumed['param_schedulers'] == unbroken['param_schedulers']
    for name in ('state_dict', 'optimizer'):
        torch.testing.assert_close(resumed[name], unbroken[name], rtol=1e-5, atol=1e-7)

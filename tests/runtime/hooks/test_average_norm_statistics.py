from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.runner import get_priority
from torch import distributed, nn

from projects.kmax.runtime.hooks import AverageNormStatisticsHook, average_norm_statistics


def fill(model, value):
    for buffer in model.buffers():
        buffer.fill_(value)
    return model


def average(rank, port):
    """Average the statistics of two processes, 1 and 3, and return what the model holds then."""
    torch.set_num_threads(1)
    address = f'tcp://127.0.0.1:{port}'
    distributed.init_process_group('gloo', address, rank=rank, world_size=2)
    model = fill(nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)), 1 + 2 * rank)
    AverageNormStatisticsHook().before_val_epoch(SimpleNamespace(model=model, hooks=[]))
    distributed.destroy_process_group()
    norm = model[1]
    statistics = [*norm.running_mean.tolist(), *norm.running_var.tolist()]
    return statistics, norm.num_batches_tracked.item()


def test_two_processes_agree(two_processes):
    assert two_processes(average) == [[[2.0] * 4, 1], [[2.0] * 4, 3]]


@pytest.fixture
def averaged(monkeypatch):
    """Pretend to be one of several processes; return the list of what was averaged."""
    calls = []
    module = average_norm_statistics
    monkeypatch.setattr(module, 'is_distributed', lambda: True)
    monkeypatch.setattr(module, 'all_reduce_params', lambda params, op: calls.append((params, op)))
    return calls


def make_runner(model, iteration, **checkpoint):
    hooks = [CheckpointHook(**checkpoint)]
    return SimpleNamespace(model=model, iter=iteration, max_iters=10, hooks=hooks)


@pytest.mark.parametrize(
    ('iteration', 'by_epoch', 'due'),
    [(2, False, False), (3, False, True), (9, False, True), (3, True, False)],
)
def test_averages_where_a_checkpoint_follows(averaged, iteration, by_epoch, due):
    runner = make_runner(nn.BatchNorm1d(2), iteration, interval=4, by_epoch=by_epoch)
    AverageNormStatisticsHook().after_train_iter(runner, 0)
    assert len(averaged) == due


def test_averages_before_it_is_saved_or_averaged():
    own, average = (get_priority(kind.priority) for kind in (AverageNormStatisticsHook, EMAHook))
    assert own < average
    assert CheckpointHook.priority == 'VERY_LOW'


def test_statistics_of_an_average_of_weights_are_averaged_too(averaged):
    model, hook = nn.BatchNorm1d(2), EMAHook()
    hook.ema_model = nn.Sequential(nn.BatchNorm1d(2))
    runner = SimpleNamespace(model=model, hooks=[hook])
    AverageNormStatisticsHook().before_val_epoch(runner)
    norms = (model, hook.ema_model[0])
    expected = [[id(norm.running_mean), id(norm.running_var)] for norm in norms]
    assert [[id(buffer) for buffer in buffers] for buffers, _ in averaged] == expected


@pytest.mark.parametrize('model', [nn.SyncBatchNorm(2), nn.Linear(2, 2), nn.GroupNorm(1, 2)])
def test_nothing_to_average(averaged, model):
    AverageNormStatisticsHook().before_val_epoch(SimpleNamespace(model=model, hooks=[]))
    assert not averaged


def test_single_process_keeps_its_statistics():
    model = fill(nn.BatchNorm1d(2), 3)
    AverageNormStatisticsHook().before_val_epoch(SimpleNamespace(model=model, hooks=[]))
    assert model.running_var.tolist() == [3, 3]

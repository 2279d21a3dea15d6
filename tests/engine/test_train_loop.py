from copy import deepcopy

import pytest
import torch


def states(runner):
    return runner.model.state_dict(), runner.optim_wrapper.state_dict()


def assert_same(first, second):
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def logged(runner, name='train/loss'):
    return runner.message_hub.get_scalar(name).data[0].tolist()


@pytest.mark.parametrize('workers', [0, 2])
def test_stopped_and_resumed_equals_unbroken(toy, workers):
    data = dict(
        train_dataloader__num_workers=workers, train_dataloader__persistent_workers=workers > 0
    )
    straight = toy(**data)
    straight.train()
    toy('broken', train_cfg__max_iters=4, **data).train()
    resumed = toy('broken', resume=True, **data)
    resumed.train()
    assert resumed.iter == 8
    for first, second in zip(states(straight), states(resumed), strict=True):
        assert_same(first, second)
    assert logged(straight) == logged(resumed) and len(logged(resumed)) == 8
    assert logged(straight, 'train/lr') == logged(resumed, 'train/lr')


def test_the_network_with_copy_paste_equals_unbroken(toy, shapes_options):
    config = dict(config='shapes_training_config.py', **shapes_options)
    length = dict(train_cfg__max_iters=5, default_hooks__checkpoint__interval=5)
    straight = toy(**config, **length)
    start = deepcopy(straight.model.state_dict())
    straight.train()
    toy('broken', **config, **length | dict(train_cfg__max_iters=3)).train()
    resumed = toy('broken', resume=True, **config, **length)
    resumed.train()
    assert resumed.iter == 5 and resumed.train_dataloader.num_workers == 2
    for first, second in zip(states(straight), states(resumed), strict=True):
        assert_same(first, second)
    assert logged(straight) == logged(resumed)
    name = 'panoptic_head.predictor.class_head.weight'
    assert not start[name].equal(straight.model.state_dict()[name])


def test_seed_decides_even_if_only_the_checkpoint_knows_it(toy):
    straight = toy(randomness__seed=None, train_cfg__max_iters=4)
    straight.train()
    resumed = toy(
        'resumed',
        randomness__seed=None,
        train_cfg__max_iters=4,
        resume=True,
        load_from=straight.work_dir + '/iter_2.pth',
    )
    resumed.train()
    assert straight.seed == resumed.seed
    assert_same(states(straight)[0], states(resumed)[0])


def test_another_seed_trains_otherwise(toy):
    losses = []
    for seed in (3, 3, 4):
        runner = toy(str(len(losses)), randomness__seed=seed)
        runner.train()
        losses.append(logged(runner))
    assert losses[0] == losses[1] != losses[2]


def test_resuming_late_loads_no_past_batches(toy, monkeypatch):
    import toy_training

    loaded = []
    getitem = toy_training.ToyDataset.__getitem__
    monkeypatch.setattr(
        toy_training.ToyDataset,
        '__getitem__',
        lambda self, index: loaded.append(index) or getitem(self, index),
    )
    data = dict(
        train_dataloader__num_workers=0,
        train_dataloader__persistent_workers=False,
        param_scheduler__end=200_000,
    )
    toy(train_cfg__max_iters=2, **data).train()
    runner = toy(train_cfg__max_iters=100_002, resume=True, **data)
    runner.train_loop  # noqa: B018  (builds the loop)
    loaded.clear()
    load = runner.load_or_resume

    def late():
        load()
        runner.train_loop._iter = 100_000

    monkeypatch.setattr(runner, 'load_or_resume', late)
    runner.train()
    assert runner.iter == 100_002 and len(loaded) == 4

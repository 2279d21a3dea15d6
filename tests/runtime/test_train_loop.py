from copy import deepcopy
from pathlib import Path

import pytest
import torch
import toy_training


def states(runner):
    return runner.model.state_dict(), runner.optim_wrapper.state_dict()


def assert_same(first, second):
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def logged(runner, name='train/loss'):
    return runner.message_hub.get_scalar(name).data[0].tolist()


def loading(workers):
    loader = dict(num_workers=workers, persistent_workers=workers > 0)
    return {f'train_dataloader__{name}': value for name, value in loader.items()}


@pytest.fixture
def train(toy):
    """Return a function that trains the toy and returns its runner."""

    def run(*args, **options):
        runner = toy(*args, **deepcopy(options))
        runner.train()
        return runner

    return run


@pytest.mark.parametrize('workers', [0, 2])
def test_stopped_and_resumed_equals_unbroken(train, workers):
    data = loading(workers)
    straight = train(**data)
    train('broken', train_cfg__max_iters=4, **data)
    resumed = train('broken', resume=True, **data)
    assert resumed.iter == 8
    assert_same(states(straight), states(resumed))
    assert logged(straight) == logged(resumed) and len(logged(resumed)) == 8
    assert logged(straight, 'train/lr') == logged(resumed, 'train/lr')


def test_the_network_with_copy_paste_equals_unbroken(toy, train, shapes_options):
    config = dict(config='shapes_training_config.py', **shapes_options)
    length = dict(train_cfg__max_iters=5, default_hooks__checkpoint__interval=5)
    straight = toy(**config, **length)
    start = deepcopy(straight.model.state_dict())
    straight.train()
    train('broken', **config, **length | dict(train_cfg__max_iters=3))
    resumed = train('broken', resume=True, **config, **length)
    assert resumed.iter == 5 and resumed.train_dataloader.num_workers == 2
    assert_same(states(straight), states(resumed))
    assert logged(straight) == logged(resumed)
    name = 'panoptic_head.predictor.class_head.weight'
    assert not start[name].equal(straight.model.state_dict()[name])


def test_average_of_weights_continues_too(train):
    ema = dict(custom_hooks=[dict(type='EMAHook', momentum=0.3)])
    straight = train(**ema)
    train('broken', train_cfg__max_iters=4, **ema)
    train('broken', resume=True, **ema)
    folder = Path(straight.work_dir).parent
    saved = [torch.load(folder / run / 'iter_8.pth') for run in ('run', 'broken')]
    for name in ('state_dict', 'ema_state_dict', 'optimizer'):
        assert_same(saved[0][name], saved[1][name])
    average = saved[0]['ema_state_dict']['module.layer.weight']
    assert not saved[0]['state_dict']['layer.weight'].equal(average)


VALIDATION = dict(
    val_cfg=dict(_delete_=True, type='ValLoop'),
    val_dataloader=dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='ToyDataset', length=2),
    ),
    val_evaluator=dict(type='ToyMetric'),
)


@pytest.mark.parametrize('end', [4, 8])
def test_validation_that_a_kill_broke_off_is_made_up_for(toy, monkeypatch, end):
    validated = []

    def validate(metric, results):
        validated.append(runner.iter)
        if runner.iter == 4 and len(validated) == 2:
            raise KeyboardInterrupt
        return dict(score=1)

    options = dict(VALIDATION, train_cfg__max_iters=end, train_cfg__val_interval=2)
    # Merging a config takes the mark to delete out of it.
    runner = toy(**deepcopy(options))
    monkeypatch.setattr(toy_training.ToyMetric, 'compute_metrics', validate)
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert validated == [2, 4]
    runner = toy(resume=True, **deepcopy(options))
    runner.train()
    assert validated == [2, 4, *range(4, end + 1, 2)]


def test_validation_that_was_completed_is_not_repeated(toy, monkeypatch):
    validated = []
    monkeypatch.setattr(
        toy_training.ToyMetric,
        'compute_metrics',
        lambda metric, results: validated.append(runner.iter) or dict(score=1),
    )
    options = dict(VALIDATION, train_cfg__val_interval=2)
    for end, resume in ((4, False), (4, True), (6, True)):
        runner = toy(train_cfg__max_iters=end, resume=resume, **deepcopy(options))
        runner.train()
    assert validated == [2, 4, 6]
    runner = toy(train_cfg__max_iters=2, **deepcopy(options))
    runner.train()
    assert validated == [2, 4, 6, 2]


def scored(monkeypatch, scores):
    """Let the toy's validations give these scores, one after the other."""
    left = list(scores)
    monkeypatch.setattr(
        toy_training.ToyMetric, 'compute_metrics', lambda *_: dict(score=left.pop(0))
    )


def stopping():
    """Changes of the toy's config: it ends when two validations bring nothing."""
    hook = dict(type='EarlyStoppingHook', monitor='score', rule='greater', patience=2)
    validation = dict(VALIDATION, train_cfg__val_interval=2)
    return deepcopy(dict(validation, train_cfg__max_iters=20, custom_hooks=[hook]))


def test_early_stopping_ends_a_training(train, monkeypatch):
    scored(monkeypatch, [5, 6, 6, 5, 4])
    assert train(**stopping()).iter == 8


def test_early_stopping_keeps_what_it_ends_with(train, monkeypatch):
    """Between two checkpoints too."""
    scored(monkeypatch, [5, 6, 6, 5, 4])
    runner = train(**stopping(), default_hooks__checkpoint__interval=6)
    place = Path(runner.work_dir, 'last_checkpoint').read_text()
    assert Path(place).name == 'iter_8.pth' and Path(place).is_file()


@pytest.mark.parametrize('broken_at', [4, 6])
def test_early_stopping_continues_too(train, monkeypatch, broken_at):
    scored(monkeypatch, [5, 6, 6, 5, 4])
    first = stopping() | dict(train_cfg__max_iters=broken_at)
    assert train(**first).iter == broken_at
    assert train(resume=True, **stopping()).iter == 8
    # It has ended: nothing is validated or trained again.
    assert train(resume=True, **stopping()).iter == 8


def test_seed_decides_even_if_only_the_checkpoint_knows_it(train):
    options = dict(randomness__seed=None, train_cfg__max_iters=4)
    straight = train(**options)
    checkpoint = straight.work_dir + '/iter_2.pth'
    resumed = train('resumed', resume=True, load_from=checkpoint, **options)
    assert straight.seed == resumed.seed
    assert_same(states(straight)[0], states(resumed)[0])


def test_another_seed_trains_otherwise(train):
    seeds = enumerate((3, 3, 4))
    losses = [logged(train(str(run), randomness__seed=seed)) for run, seed in seeds]
    assert losses[0] == losses[1] != losses[2]


def test_resuming_late_loads_no_past_batches(toy, monkeypatch):
    loaded = []
    getitem = toy_training.ToyDataset.__getitem__
    monkeypatch.setattr(
        toy_training.ToyDataset,
        '__getitem__',
        lambda self, index: loaded.append(index) or getitem(self, index),
    )
    data = dict(loading(0), param_scheduler__end=200_000)
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

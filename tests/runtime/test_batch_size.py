"""Accumulated gradients and scaled learning rates."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from projects.kmax.runtime.batch_size import accumulate, scale_learning_rate


def runner(optimizer='KMaXAdamW', enable=True, batch_size=2, **wrapper):
    return SimpleNamespace(
        auto_scale_lr=dict(enable=enable, base_batch_size=64),
        optim_wrapper=dict(optimizer=dict(type=optimizer, lr=0.8), **wrapper),
        _train_dataloader=dict(batch_size=batch_size),
        world_size=2,
    )


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (dict(), 0.8 / 4),
        (dict(accumulative_counts=4), 0.8 / 2),
        (dict(optimizer='AdamW', batch_size=128), 0.8 * 2),
        (dict(optimizer='SGD'), 0.8 / 16),
        (dict(enable=False), 0.8),
    ],
)
def test_learning_rate_follows_the_root_of_the_batch_size(options, expected):
    made = runner(**options)
    scale_learning_rate(made)
    assert made.optim_wrapper['optimizer']['lr'] == pytest.approx(expected, rel=1e-12)
    assert not made.auto_scale_lr['enable']


def test_scaled_rate_reaches_the_optimizer(toy):
    made = toy(auto_scale_lr__enable=True, train_cfg__max_iters=1, param_scheduler=None)
    scale_learning_rate(made)
    made.train()
    # Two of the recipe's 64 images.
    assert made.optim_wrapper.optimizer.defaults['lr'] == pytest.approx(5e-4 / 32**0.5)


def config(**changes):
    return Config(
        dict(
            optim_wrapper=dict(type='OptimWrapper'),
            train_cfg=dict(type='ResumableTrainLoop', max_iters=100, val_interval=10),
            param_scheduler=[
                dict(type='WarmupPolyLR', warmup=5, by_epoch=False),
                dict(type='StepLR', step_size=3, begin=1, by_epoch=True),
            ],
            default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=20)),
            **changes,
        )
    )


def test_accumulation_multiplies_what_counts_iterations():
    cfg = config()
    accumulate(cfg, 4)
    assert cfg.optim_wrapper.accumulative_counts == 4
    assert (cfg.train_cfg.max_iters, cfg.train_cfg.val_interval) == (400, 40)
    assert cfg.param_scheduler[0].warmup == 20 and cfg.param_scheduler[1].begin == 1
    assert cfg.default_hooks.checkpoint.interval == 80


def test_accumulation_adds_to_that_of_the_config():
    cfg = config()
    cfg.optim_wrapper.accumulative_counts = 4
    accumulate(cfg, 2)
    assert cfg.optim_wrapper.accumulative_counts == 8
    assert (cfg.train_cfg.max_iters, cfg.param_scheduler[0].warmup) == (200, 10)


def test_accumulation_stretches_every_schedule():
    made = config()
    made.train_cfg.dynamic_intervals = [(50, 5)]
    made.param_scheduler = [
        dict(type='MultiStepLR', milestones=[50, 80], by_epoch=False),
        dict(type='OneCycleLR', total_steps=100, eta_max=1.0, by_epoch=False),
    ]
    accumulate(made, 4)
    assert made.param_scheduler[0].milestones == [200, 320]
    assert made.param_scheduler[1].total_steps == 400
    assert made.train_cfg.dynamic_intervals == [[200, 20]]


def test_schedule_that_cannot_be_stretched_is_refused():
    made = config()
    made.param_scheduler = dict(type='ExponentialLR', gamma=0.9, by_epoch=False)
    with pytest.raises(ValueError, match='--accumulate cannot stretch ExponentialLR'):
        accumulate(made, 4)


def test_accumulation_of_epochs_leaves_the_loop_alone():
    made = config()
    made.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=1)
    accumulate(made, 4)
    assert made.train_cfg == dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=1)


def test_accumulation_needs_an_optimizer():
    with pytest.raises(KeyError, match='--accumulate: the config lacks optim_wrapper'):
        accumulate(Config(dict()), 2)


def test_two_halves_are_one_batch(toy, tmp_path, weights_of):
    # The schedules' steps do not coincide exactly.
    options = dict(model__noise=0.0, param_scheduler=None)
    options |= dict(train_dataloader__num_workers=0, train_dataloader__persistent_workers=False)
    whole = toy('whole', **options)
    whole.train()
    halves = toy('halves', **options, train_dataloader__batch_size=1)
    cfg = halves.cfg
    accumulate(cfg, 2)
    cfg.experiment_name += '_halves'
    type(halves).from_cfg(cfg).train()
    expected = weights_of(tmp_path / 'whole' / 'iter_8.pth')
    found = weights_of(tmp_path / 'halves' / 'iter_16.pth')
    start = weights_of(tmp_path / 'whole' / 'iter_4.pth')
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(start['layer.weight'], expected['layer.weight'], rtol=1e-3)

from pathlib import Path

import pytest
import torch

from projects.kmax.runtime.hooks.check_finite import image_names


def test_nan_names_iteration_terms_and_images(toy):
    # Of 11 images every one is drawn in 6 iterations of 2.
    runner = toy(model__nan_at=5, train_dataloader__sampler__shuffle=False)
    with pytest.raises(FloatingPointError) as error:
        runner.train()
    message = str(error.value)
    for part in ('iteration 3: ', 'loss is nan', 'loss_toy is nan', 'images/4.jpg, images/5.jpg'):
        assert part in message
    assert 'loss_other' not in message
    assert [path.name for path in Path(runner.work_dir).glob('*.pth')] == ['iter_2.pth']


def test_bad_weights_are_not_saved(toy, monkeypatch):
    runner = toy()
    step = runner.train_loop.run_iter

    def spoil(batch):
        step(batch)
        if runner.iter == 3:
            runner.model.layer.bias.data[0] = float('inf')
            # A loss that does not look at the bias.
            runner.model.forward = lambda inputs, data_samples, mode: dict(
                loss_toy=runner.model.layer.weight.sum()
            )

    monkeypatch.setattr(runner.train_loop, 'run_iter', spoil)
    with pytest.raises(FloatingPointError, match='iteration 4: 1 weights .* layer.bias'):
        runner.train()
    assert [path.name for path in Path(runner.work_dir).glob('*.pth')] == ['iter_2.pth']


def test_batch_without_names():
    assert image_names([torch.zeros(2)]) == ['(a batch without data_samples)']

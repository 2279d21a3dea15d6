import json
import re
from pathlib import Path

import pytest
import torch


def lines(runner):
    log = next(Path(runner.work_dir).glob('*/*.log')).read_text()
    return [line for line in log.splitlines() if 'Iter(train)' in line]


def train(runner):
    """Train and return the norm of the gradients at each step."""
    norms = []

    def note(optimizer, args, kwargs):
        grads = [param.grad.flatten() for param in runner.model.parameters()]
        norms.append(torch.cat(grads).norm().item())

    build = runner.build_optim_wrapper

    def build_and_watch(cfg):
        wrapper = build(cfg)
        wrapper.optimizer.register_step_pre_hook(note)
        return wrapper

    runner.build_optim_wrapper = build_and_watch
    runner.train()
    return norms


def test_line_has_speed_memory_and_gradient_norm(toy):
    runner = toy()
    norms = train(runner)
    logged = lines(runner)
    assert len(logged) == 4
    for line, norm in zip(logged, norms[1::2], strict=True):
        assert float(re.search(r'grad_norm: ([\d.]+)', line)[1]) == pytest.approx(norm, abs=1e-4)
        assert float(re.search(r'images/s: ([\d.]+)', line)[1]) > 0
        assert 'eta: ' in line and 'loss_toy: ' in line
        if not torch.cuda.is_available():
            assert int(re.search(r'memory: (\d+)', line)[1]) > 50
    record = next(Path(runner.work_dir).glob('*/vis_data/2*.json')).read_text().splitlines()[0]
    assert {'grad_norm', 'images_per_second', 'memory', 'lr', 'loss_toy'} <= set(json.loads(record))


def test_gradient_norm_of_the_last_step_is_logged_when_accumulating(toy):
    runner = toy(
        optim_wrapper__accumulative_counts=4,
        default_hooks__checkpoint__interval=8,
        train_cfg__max_iters=16,
    )
    runner.cfg.default_hooks.logger.interval = 2
    norms = train(runner)
    assert len(norms) == 4
    logged = [re.search(r'grad_norm: ([\d.]+)', line) for line in lines(runner)]
    found = [None if match is None else float(match[1]) for match in logged]
    # Lines at iterations 2, 4, ...: the second has the first step's, the third still.
    steps = [None, *(norm for norm in norms for _ in range(2))][: len(found)]
    assert found[0] is None and found[1:] == pytest.approx(steps[1:], abs=1e-4)


def test_tensorboard(toy):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    runner = toy(visualizer__vis_backends=[dict(type='TensorboardVisBackend')])
    runner.train()
    events = EventAccumulator(str(Path(runner.work_dir, runner.timestamp, 'vis_data')))
    events.Reload()
    assert {'grad_norm', 'images_per_second', 'loss', 'lr'} <= set(events.Tags()['scalars'])
    assert [event.step for event in events.Scalars('loss')] == [2, 4, 6, 8]

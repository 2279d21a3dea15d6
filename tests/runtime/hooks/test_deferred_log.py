import json
from pathlib import Path

import pytest
import torch
from mmengine.logging import HistoryBuffer
from waits import CountWaits, transfers  # noqa: F401

from projects.kmax.runtime.step_values import StepValues

TIMES = ('time', 'data_time', 'eta', 'images_per_second', 'memory')


def logged(runner):
    (path,) = Path(runner.work_dir).glob('*/vis_data/2*.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


def test_log_and_checkpoint_are_those_of_mmengine(toy):
    runners = {
        kind: toy(kind, default_hooks__runtime_info__type=kind)
        for kind in ('RuntimeInfoHook', 'DeferredLogHook')
    }
    for runner in runners.values():
        runner.train()
    expected, found = map(logged, runners.values())
    assert expected == found and len(found) == 4 and 'loss_toy' in found[0]
    checkpoints = [
        torch.load(Path(runner.work_dir, 'iter_8.pth'), weights_only=False)['message_hub']
        for runner in runners.values()
    ]
    old, new = (checkpoint['log_scalars'] for checkpoint in checkpoints)
    assert old.keys() == new.keys()
    assert checkpoints[0]['resumed_keys'] == checkpoints[1]['resumed_keys']
    for name, history in new.items():
        assert type(history) is HistoryBuffer and len(history.data[0]) == (
            4 if name.endswith('grad_norm') else 8
        )
        if not name.endswith('time'):
            assert history.data[0].tolist() == old[name].data[0].tolist()


def as_on_accelerators(monkeypatch):
    """Let no value of a step come before it is waited for."""
    monkeypatch.setattr(StepValues, 'are_there', lambda self: False)


def test_a_step_waits_once(toy, shapes_options, transfers, monkeypatch):  # noqa: F811
    as_on_accelerators(monkeypatch)
    runner = toy(
        config='shapes_training_config.py',
        train_cfg__max_iters=3,
        default_hooks__checkpoint__save_last=False,
        default_hooks__checkpoint__interval=9,
        default_hooks__logger__interval=9,
        **shapes_options,
    )
    step, waits = runner.train_loop.run_iter, []

    def count(batch):
        transfers.clear()
        with CountWaits() as found:
            step(batch)
        waits.append(found.names + transfers)

    monkeypatch.setattr(runner.train_loop, 'run_iter', count)
    runner.train()
    # Labels are read before they go to the device, and what the matcher brings over as an array.
    assert waits[1] == ['tolist', 'tolist', 'cpu', 'numpy']


@pytest.mark.parametrize('interval', [2, 9])
def test_a_late_nan_is_named_as_an_early_one(toy, monkeypatch, interval):
    as_on_accelerators(monkeypatch)
    runner = toy(
        model__nan_at=5,
        train_dataloader__sampler__shuffle=False,
        default_hooks__checkpoint__interval=interval,
    )
    with pytest.raises(FloatingPointError, match='iteration 3: .*loss_toy is nan.*images/5.jpg'):
        runner.train()
    saved = [path.name for path in Path(runner.work_dir).glob('*.pth')]
    assert saved == (['iter_2.pth'] if interval == 2 else [])

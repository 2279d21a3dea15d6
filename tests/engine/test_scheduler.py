import json

import pytest
import torch
from torch.optim import SGD

from projects.kmax.engine import WarmupPolyLR


def make(end, warmup, **options):
    groups = [
        dict(params=[torch.nn.Parameter(torch.ones(1))], lr=lr, initial_lr=lr)
        for lr in (5e-4, 5e-5)
    ]
    optimizer = SGD(groups)
    return optimizer, WarmupPolyLR(optimizer, warmup=warmup, end=end, by_epoch=False, **options)


@pytest.mark.parametrize(
    ('step', 'factor'),
    [
        (0, 0.0),
        (1, 1 / 5000),
        (4999, 4999 / 5000),
        (5000, (1 - 5000 / 150000) ** 0.9),
        (75000, 0.5**0.9),
        (149999, (1 / 150000) ** 0.9),
    ],
)
def test_rate_at_step(step, factor):
    optimizer, _ = make(end=150000, warmup=5000, last_step=step - 1)
    rates = [group['lr'] for group in optimizer.param_groups]
    assert rates == pytest.approx([5e-4 * factor, 5e-5 * factor], rel=1e-12)


def test_resumed_schedule_continues():
    def rates(optimizer, scheduler, steps):
        values = []
        for _ in range(steps):
            optimizer.step()
            scheduler.step()
            values.append(optimizer.param_groups[0]['lr'])
        return values

    straight = rates(*make(end=20, warmup=5), steps=19)
    optimizer, scheduler = make(end=20, warmup=5)
    first = rates(optimizer, scheduler, 7)
    resumed_optimizer, resumed = make(end=20, warmup=5)
    resumed.load_state_dict(scheduler.state_dict())
    resumed_optimizer.load_state_dict(optimizer.state_dict())
    assert first + rates(resumed_optimizer, resumed, 12) == straight


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match='by_epoch=False'):
        WarmupPolyLR(make(10, 1)[0], warmup=1, end=10)
    with pytest.raises(ValueError, match='param_scheduler.warmup is -1'):
        make(end=10, warmup=-1)
    with pytest.raises(ValueError, match='param_scheduler.start_factor is 2'):
        make(end=10, warmup=1, start_factor=2)


def test_short_training_ends_within_the_warm_up():
    optimizer, _ = make(end=2, warmup=50, last_step=0)
    assert optimizer.param_groups[0]['lr'] == pytest.approx(5e-4 / 50)


def test_rates_of_the_port(oracle):
    recorded = json.loads(oracle('pytorch/optim_groups.json').read_text())['r50']['lr_at_iter']
    assert len(recorded) > 5
    for step, expected in recorded.items():
        optimizer, _ = make(150000, 5000, last_step=int(step) - 1, start_factor=0.001)
        assert optimizer.param_groups[0]['lr'] == pytest.approx(expected, rel=1e-12)


def test_resuming_a_longer_training_follows_its_schedule():
    _, short = make(end=10, warmup=2, last_step=8)
    optimizer, longer = make(end=20, warmup=2)
    longer.load_state_dict(short.state_dict())
    optimizer.step()
    longer.step()
    assert longer.end == 20 and longer.last_step == 10
    assert optimizer.param_groups[0]['lr'] == pytest.approx(5e-4 * 0.5**0.9)

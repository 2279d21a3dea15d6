"""Resuming from checkpoints that lack something, or with other settings than theirs."""

import copy

import pytest
import torch
from torch import nn

from projects.kmax.engine import KMaXAdamW
from projects.kmax.runtime import optimizer_state
from projects.kmax.runtime.hooks.check_resume import check_parts
from projects.kmax.runtime.optimizer_state import check_optimizer_state, follow_config


@pytest.fixture
def warnings(monkeypatch):
    lines = []
    monkeypatch.setattr(optimizer_state, 'print_log', lambda text, **kwargs: lines.append(text))
    return lines


def make(kind=KMaXAdamW, width=3, **settings):
    model = nn.Sequential(nn.Linear(2, width), nn.Linear(width, 2))
    groups = [dict(params=[*part.parameters()]) for part in model]
    groups[1]['lr'] = 0.1 * settings.get('lr', 1.0)
    return model, kind(groups, **dict(dict(lr=1.0, weight_decay=0.1), **settings))


@pytest.fixture
def checkpoint():
    model, optimizer = make()
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    schedule = dict(param_name='lr', base_values=[1.0, 0.1], _last_value=[0.5, 0.05])
    state = copy.deepcopy(optimizer.state_dict())
    for group, rate in zip(state['param_groups'], (1.0, 0.1), strict=True):
        group.update(initial_lr=rate, lr=rate / 2)
    return dict(
        meta=dict(iter=1, epoch=0), optimizer=state, param_schedulers=[schedule], message_hub={1: 2}
    )


def check(checkpoint, **changes):
    model, optimizer = make(**changes)
    names = {id(weight): name for name, weight in model.named_parameters()}
    check_optimizer_state(checkpoint, optimizer, names, 'x.pth')
    follow_config(checkpoint, optimizer, 'x.pth')
    return checkpoint


def test_same_settings_change_nothing(checkpoint, warnings):
    before = copy.deepcopy(checkpoint)
    after = check(checkpoint)
    assert str(after) == str(before) and not warnings


def test_settings_of_the_config_are_followed_and_told(checkpoint, warnings):
    check(checkpoint, lr=0.2, betas=[0.8, 0.99])
    groups = checkpoint['optimizer']['param_groups']
    assert [group['lr'] for group in groups] == pytest.approx([0.1, 0.01])
    assert [group['initial_lr'] for group in groups] == pytest.approx([0.2, 0.02])
    assert [list(group['betas']) for group in groups] == [[0.8, 0.99]] * 2
    schedule = checkpoint['param_schedulers'][0]
    assert schedule['base_values'] == pytest.approx([0.2, 0.02])
    assert schedule['_last_value'] == pytest.approx([0.1, 0.01])
    assert len(warnings) == 3
    expected = (
        'learning rate (lr) of the config is 0.2, that of checkpoint x.pth 1: training resume'
    )
    assert any(expected in line for line in warnings)


def without_moments(checkpoint):
    checkpoint['optimizer']['state'] = {}


def without_state(checkpoint):
    del checkpoint['optimizer']['state']


def without_one_field(checkpoint):
    del checkpoint['optimizer']['state'][1]['exp_avg_sq']


def without_one_weight(checkpoint):
    checkpoint['optimizer']['param_groups'][0]['params'].pop()


def with_another_shape(checkpoint):
    checkpoint['optimizer']['state'][0]['exp_avg'] = torch.zeros(7)


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (without_moments, 'is empty'),
        (without_state, 'is incomplete'),
        (without_one_field, r"lacks \['exp_avg_sq'\] of 0.bias"),
        (without_one_weight, r'is for groups of \[1, 2\] parameters, .* makes \[2, 2\]'),
        (with_another_shape, r'exp_avg of 0.weight with shape \(7,\), not \(3, 2\)'),
    ],
)
def test_partial_state_is_refused(damage, message, checkpoint):
    damage(checkpoint)
    with pytest.raises(ValueError, match=f'state of the optimiser in checkpoint x.pth.*{message}'):
        check(checkpoint)


def test_parameters_without_state_are_named(checkpoint, warnings):
    del checkpoint['optimizer']['state'][1]
    check(checkpoint)
    assert 'lacks 1 of 4 parameters, which start with moments of 0: 0.bias' in warnings[0]


@pytest.mark.parametrize('kind', [torch.optim.AdamW, torch.optim.SGD])
def test_another_optimiser_is_refused(kind, checkpoint):
    with pytest.raises(ValueError, match=f'is of another optimiser than {kind.__name__}'):
        check(checkpoint, kind=kind)


@pytest.mark.parametrize('lacking', ['optimizer', 'param_schedulers', 'message_hub'])
def test_a_checkpoint_without_a_part_is_refused(lacking, checkpoint):
    check_parts(checkpoint, 'x.pth')
    del checkpoint[lacking]
    with pytest.raises(ValueError, match=rf'x.pth of iteration 1 lacks .*\({lacking}\).*load_from'):
        check_parts(checkpoint, 'x.pth')


@pytest.mark.parametrize('content', [dict(weight=1), dict(state_dict={}), dict(meta=dict(a=1))])
def test_weights_alone_are_refused(content):
    with pytest.raises(ValueError, match='x.pth holds weights only.*load_from=x.pth'):
        check_parts(content, 'x.pth')

"""Checkpoints of other classes, or of the same ones in another order."""

import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop
from torch import nn

from projects.kmax.models import KMaXSegHead


class Loop(BaseLoop):
    def __init__(self, classes):
        metainfo = {} if classes is None else dict(classes=classes)
        self.dataloader = SimpleNamespace(dataset=SimpleNamespace(metainfo=metainfo))

    def run(self):
        pass


class Model(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.class_head = nn.Linear(1, num_classes + 1, bias=False)
        nn.init.constant_(self.class_head.weight, -1.0)


@pytest.fixture
def logged(monkeypatch):
    """The level and message of what the hook logs."""
    lines = []
    monkeypatch.setattr(
        'projects.kmax.engine.hooks.map_classes.print_log',
        lambda message, level, **options: lines.append((level, message)),
    )
    return lines


def load(classes, checkpoint, new_classes=False, model=None, trains=True, resume=False):
    """Return the rows of the class layer after a checkpoint was loaded."""
    loops = [Loop(classes), dict()]
    runner = SimpleNamespace(
        model=model or Model(3),
        _train_loop=loops[not trains],
        _val_loop=None,
        _test_loop=loops[trains],
        _resume=resume,
    )
    hook = HOOKS.build(dict(type='MapClassesHook', new_classes=new_classes))
    hook.after_load_checkpoint(runner, checkpoint)
    rows = checkpoint['state_dict'].get('class_head.weight')
    return None if rows is None else rows.flatten().tolist()


def saved(*classes):
    rows = torch.arange(len(classes) + 1.0)[:, None]
    return dict(
        meta=dict(dataset_meta=dict(classes=classes)), state_dict={'class_head.weight': rows}
    )


def test_another_order_is_followed():
    assert load(('c', 'a', 'b'), saved('a', 'b', 'c')) == [2, 0, 1, 3]


def test_the_same_order_and_unknown_names_change_nothing():
    assert load(('a', 'b', 'c'), saved('a', 'b', 'c')) == [0, 1, 2, 3]
    assert load(None, saved('c', 'b', 'a')) == [0, 1, 2, 3]


def test_other_classes_need_the_option():
    assert load(('c', 'd', 'a'), saved('a', 'b', 'c')) == [0, 1, 2, 3]
    assert load(('c', 'd', 'a'), saved('a', 'b', 'c'), new_classes=True) == [2, -1, 0, 3]
    assert load(('c', 'd', 'a'), saved('c'), new_classes=True) == [0, -1, -1, 1]


@pytest.mark.parametrize('options', [dict(trains=False), dict(resume=True)])
def test_new_classes_only_when_a_training_starts(options):
    found = load(('c', 'd', 'a'), saved('a', 'b', 'c'), new_classes=True, **options)
    assert found == [0, 1, 2, 3]


def test_other_names_without_the_option_are_warned_of(logged):
    load(('c', 'd', 'a'), saved('a', 'b', 'c'))
    ((level, message),) = logged
    assert level == logging.WARNING
    assert '(d are not among them)' in message and '--new-classes maps names' in message


@pytest.mark.parametrize('new_classes', [True, False])
def test_missing_names_are_warned_of_where_they_are_needed(new_classes, logged):
    checkpoint = dict(state_dict={'class_head.weight': torch.arange(2.0)[:, None]})
    # Layers of other shapes are removed where those of the model are to stay.
    assert load(('a', 'b', 'c'), checkpoint, new_classes) == (None if new_classes else [0, 1])
    assert load(None, saved('c', 'b'), new_classes) == (None if new_classes else [0, 1, 2])
    assert [level for level, _ in logged] == [logging.WARNING] * (2 if new_classes else 0)
    for owner, (_, message) in zip(('checkpoint', 'data set'), logged, strict=False):
        assert f'the {owner} does not name its classes, so none is mapped' in message


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_panoptic_head_becomes_the_head_of_mmseg(prefix):
    head = KMaXSegHead.__new__(KMaXSegHead)
    nn.Module.__init__(head)
    head.class_head = nn.Linear(1, 3, bias=False)
    model = nn.Module()
    model.decode_head = head
    name = prefix + '{}_head.class_head.weight'
    checkpoint = saved('thing', 'stuff')
    weights = checkpoint['state_dict']
    weights[name.format('panoptic')] = torch.arange(3.0)[:, None]
    load(('stuff', 'thing'), checkpoint, model=model)
    assert name.format('panoptic') not in weights
    assert weights[name.format('decode')].flatten().tolist() == [1, 0, 2]

import torch

from projects.kmax.runtime import step_values
from projects.kmax.runtime.step_values import StepValues


def test_numbers_are_those_of_item():
    tensors = dict(
        loss=torch.rand(1, requires_grad=True), share=torch.rand(()), none=torch.tensor(torch.nan)
    )
    values = StepValues(tensors)
    assert values.are_there()
    found = values.fetch()
    assert list(found) == list(tensors)
    assert found['loss'] == tensors['loss'].item() and found['share'] == tensors['share'].item()
    assert found['none'] != found['none']
    assert StepValues({}).fetch() == {}


class Event:
    """Of an accelerator that is ready when somebody has waited."""

    waited = 0

    def __init__(self, device):
        self.is_recorded = False

    def record(self):
        self.is_recorded = True

    def query(self):
        return self.is_recorded and Event.waited > 0

    def synchronize(self):
        Event.waited += 1


def test_an_accelerator_is_waited_for_once(monkeypatch):
    monkeypatch.setattr(step_values, 'is_on_host', lambda tensor: False)
    monkeypatch.setattr(torch, 'Event', Event)
    monkeypatch.setattr(Event, 'waited', 0)
    values = StepValues(dict(loss=torch.ones(())))
    assert not values.are_there()
    assert [values.fetch() for _ in range(2)] == [dict(loss=1.0)] * 2
    assert values.are_there() and Event.waited == 1

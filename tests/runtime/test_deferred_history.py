import copy
import pickle

import pytest
import torch
from mmengine.logging import HistoryBuffer

from projects.kmax.runtime.deferred_history import DeferredHistory
from projects.kmax.runtime.step_values import StepValues


def assert_same(found, expected):
    for one, other in zip(found.data, expected.data, strict=True):
        assert one.dtype == other.dtype and one.tolist() == other.tolist()


@pytest.mark.parametrize('begun', [1, 3])
def test_reads_as_that_of_mmengine(begun):
    expected = HistoryBuffer([0.5] * begun, [1] * begun, max_length=8)
    history = DeferredHistory(copy.deepcopy(expected))
    for step in range(11):
        for buffer in (history, expected):
            buffer.update(step / 3, 1 + step % 2)
        assert history.current() == expected.current()
        if step % 4 == 3:
            assert history.mean(3) == expected.mean(3)
            assert history.max() == expected.max() and history.min(2) == expected.min(2)
            assert history.statistics('mean', 2) == expected.statistics('mean', 2)
            assert history.current() == expected.current()
    assert_same(history, expected)


def test_values_of_steps_are_fetched_when_read(monkeypatch):
    history, fetched, fetch = DeferredHistory(), [], StepValues.fetch
    monkeypatch.setattr(StepValues, 'fetch', lambda self: fetched.append(self) or fetch(self))
    for value in (1.0, 2.0):
        history.update_later(StepValues(dict(loss=torch.tensor(value))), 'loss')
    assert not fetched
    assert history.mean() == 1.5
    assert history.mean() == 1.5 and len(fetched) == 2


@pytest.mark.parametrize('copied', [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_is_saved_as_that_of_mmengine(copied):
    history = DeferredHistory()
    history.update(2.0)
    saved = copied(history)
    assert type(saved) is HistoryBuffer and saved.max_length == history.max_length
    history.update(4.0)
    assert_same(saved, HistoryBuffer([2.0], [1]))


def test_what_is_no_number_is_refused():
    with pytest.raises(TypeError, match='no number'):
        DeferredHistory().update('1')

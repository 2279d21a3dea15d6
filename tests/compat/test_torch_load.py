from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import checkpoint, load_checkpoint

from projects.kmax.compat import torch_load


def test_checkpoint_of_mmengine_loads(tmp_path):
    path = tmp_path / 'checkpoint.pth'
    buffer = HistoryBuffer([1.0, 3.0], [1, 1])
    extra = dict(array=np.arange(3), scalar=np.float64(0.5), buffer=buffer)
    torch.save(dict(state_dict=dict(weight=torch.ones(2, 2)), message_hub=extra), path)
    model = torch.nn.Linear(2, 2, bias=False)
    loaded = load_checkpoint(model, str(path))['message_hub']
    assert (model.weight == 1).all()
    assert loaded['buffer'].mean() == 2
    assert loaded['scalar'] == 0.5 and (loaded['array'] == np.arange(3)).all()


def test_other_attributes_stay_refused():
    with pytest.raises(ValueError, match='refused'):
        torch_load.history_buffer_getattr(HistoryBuffer, '__init__')
    with pytest.raises(ValueError, match='refused'):
        torch_load.history_buffer_getattr(torch, 'min')


class Code:
    def __reduce__(self):
        return (Path.touch, (Path('code_ran'),))


@pytest.fixture
def fork(monkeypatch):
    """Give mmengine the function that its fork loads with, unless this is the fork."""

    def try_twice(file, map_location=None, weights_only=None):
        return torch.load(file, map_location=map_location, weights_only=False)

    if not hasattr(checkpoint, '_safe_torch_load'):
        monkeypatch.setattr(checkpoint, '_safe_torch_load', try_twice, raising=False)
    torch_load.refuse_code()


def test_no_second_try_runs_code(fork, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict=dict(weight=Code())), 'hostile.pth')
    for load in (checkpoint._safe_torch_load, checkpoint.load_from_local):
        with pytest.raises(UnpicklingError):
            load('hostile.pth', map_location='cpu')
    assert not Path('code_ran').exists()


def test_fork_loads_its_own_checkpoints(fork, tmp_path):
    torch.save(dict(buffer=HistoryBuffer([1.0], [1])), tmp_path / 'checkpoint.pth')
    assert checkpoint._safe_torch_load(tmp_path / 'checkpoint.pth')['buffer'].current() == 1

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import load_checkpoint

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

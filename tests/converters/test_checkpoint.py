import pytest
import torch

from projects.kmax.converters import ConversionError
from projects.kmax.converters.checkpoint import save_checkpoint

STATE = dict(b=torch.arange(5.0), a=torch.ones(2, 2))
META = dict(dataset_meta=dict(classes=('x', 'y'), palette=[(1, 2, 3)]))


def test_round_trip_as_weights_only(tmp_path):
    path = tmp_path / 'x.pth'
    save_checkpoint(path, STATE, META)
    content = torch.load(path, weights_only=True)
    assert content['meta'] == META
    assert list(content['state_dict']) == ['b', 'a']
    assert all(content['state_dict'][name].equal(STATE[name]) for name in STATE)


def test_same_content_gives_the_same_bytes(tmp_path):
    for name in ('first.pth', 'other.pth'):
        save_checkpoint(tmp_path / name, STATE, META)
    assert (tmp_path / 'first.pth').read_bytes() == (tmp_path / 'other.pth').read_bytes()


@pytest.mark.parametrize('error', [OSError('no space left'), RuntimeError('writer failed')])
def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, error):
    path = tmp_path / 'x.pth'
    path.write_bytes(b'old')

    def fail(content, file):
        file.write(b'half')
        raise error

    monkeypatch.setattr(torch, 'save', fail)
    with pytest.raises(ConversionError, match=f'{path} cannot be written: {error}'):
        save_checkpoint(path, STATE, META)
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]

"""Runs of the conversion command that must fail, and files of small networks for it."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)

import pytest
import torch

from projects.kmax.converters.port import our_name


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.fixture
def conversion_error(convert_checkpoint, tmp_path, capsys):
    """Return a function that gives the error of a run that must fail and change no file."""

    def run(*arguments):
        before = contents(tmp_path)
        with pytest.raises(SystemExit) as end:
            convert_checkpoint(*arguments)
        assert contents(tmp_path) == before
        assert end.value.code == 2
        err = capsys.readouterr().err
        assert err.startswith('convert_checkpoint.py: error: ') and err.count('\n') == 1
        return err.rstrip('\n')

    return run


@pytest.fixture(scope='session')
def port_release(port_shapes):
    """Return a function from a released kind of checkpoint and a narrow model to random tensors."""

    def make(case, model):
        own = model.state_dict()
        names = {name: our_name(name) for name in port_shapes[case]}
        return {
            name: _in_layout_of_port(ours, own[ours]) for name, ours in names.items() if ours in own
        }

    return make


def _in_layout_of_port(name, value):
    """Random values for one of our weights, in the port's layout."""
    if not value.is_floating_point():
        return torch.full_like(value, 3)
    value = torch.randn(value.shape) / max(1, value[:1].numel()) ** 0.5
    if name.endswith('running_var'):
        return value.abs() + 0.5
    if name.endswith('_axis.qkv.conv.weight'):
        return value[..., 0]
    return value.t().contiguous() if 'cluster_centers' in name else value

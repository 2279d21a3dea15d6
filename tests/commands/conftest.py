"""What the tests of several commands share."""

import pytest
import torch


@pytest.fixture
def no_compiler(tmp_path, monkeypatch):
    """Have torch.compile find no compiler, and nothing that it compiled before."""
    from torch._inductor import config

    torch.compiler.reset()
    monkeypatch.setenv('CXX', str(tmp_path / 'none'))
    with config.patch({'cpp.cxx': (str(tmp_path / 'none'),), 'force_disable_caches': True}):
        yield

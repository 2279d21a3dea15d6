"""SIGTERM lets a command remove what it holds on the disk."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from projects.kmax.commands.stopping import cleaning_up


def test_what_a_block_holds_is_removed():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped, cleaning_up(), tempfile.TemporaryDirectory() as held:
        os.kill(os.getpid(), signal.SIGTERM)
    assert stopped.value.code == 143
    assert not Path(held).exists()
    assert signal.getsignal(signal.SIGTERM) == before

"""Logs that cannot be written: said once, and whole lines remain."""

import json
import logging
import resource
from types import SimpleNamespace

import pytest
from mmengine.visualization import LocalVisBackend

from projects.kmax.runtime.log_files import keep_scalars_whole, outlive_full_disk


@pytest.fixture
def full_disk():
    """Return a function that lets no file grow beyond a size, until the test ends."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_log_that_cannot_be_written_is_said_once(tmp_path, full_disk, capsys):
    handler = logging.FileHandler(tmp_path / 'run.log')
    outlive_full_disk(handler)
    full_disk(10)
    for _ in range(3):
        handler.handle(logging.makeLogRecord(dict(msg='a line of some length \udcff')))
    full_disk(resource.RLIM_INFINITY)
    handler.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f'{tmp_path}/run.log cannot be written (File too large): the run goes on'
    )


def test_scalars_are_whole_lines(tmp_path, full_disk):
    backend = LocalVisBackend(str(tmp_path))
    keep_scalars_whole(SimpleNamespace(_vis_backends=dict(local=backend)))
    backend.add_scalar('loss', 1.0, 1)
    full_disk(40)
    backend.add_scalar('loss', 1.0, 2)
    full_disk(resource.RLIM_INFINITY)
    backend.add_scalar('loss', 1.0, 3)
    lines = (tmp_path / 'scalars.json').read_text().splitlines()
    assert [json.loads(line)['step'] for line in lines] == [1, 3]

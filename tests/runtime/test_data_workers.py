"""A data worker that gives nothing is named, and ended."""

import os
import signal
import time

import pytest
from torch.utils.data import DataLoader, Dataset

from projects.kmax.runtime.data_workers import TIMEOUT, watch


class Stopping(Dataset):
    """Stops the second worker at its second sample."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index == 3:
            time.sleep(0.3)  # Until its first has left its queue.
            os.kill(os.getpid(), signal.SIGSTOP)
        return index


@pytest.mark.parametrize('persistent', [False, True])
def test_a_stopped_worker_is_named(persistent):
    loader = watch(DataLoader(Stopping(), num_workers=2, timeout=1, persistent_workers=persistent))
    batches = iter(loader)
    assert [next(batches).item() for _ in range(3)] == [0, 1, 2]
    workers = batches._workers
    message = rf'data worker 1 \(process {workers[1].pid}\) gave no batch in 1 seconds, as it is st'
    with pytest.raises(RuntimeError, match=message):
        next(batches)
    begun = time.monotonic()
    batches._shutdown_workers()
    assert not any(worker.is_alive() for worker in workers) and time.monotonic() - begun < 5


def test_a_timeout_is_given_where_there_are_workers():
    assert watch(DataLoader([0], num_workers=2)).timeout == TIMEOUT
    assert watch(DataLoader([0], num_workers=2, timeout=5)).timeout == 5
    assert list(watch(DataLoader([0]))) == [0]

"""Data loaders that do not wait for ever for a worker that is stopped or waits itself."""

import multiprocessing.connection
from pathlib import Path
from typing import Any, NoReturn

from torch.utils.data import DataLoader, _utils
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

TIMEOUT = 1800
"""Seconds that a batch may take unless ``timeout`` of the data loader says otherwise, as long as
processes wait for one another by default."""

SECONDS_TO_DIE = 5
"""Seconds between the loss of a worker's socket and the end of its process, at most."""


class TimedDataLoader(DataLoader):
    """Names the worker whose batch does not come; torch's own tells the seconds only."""

    def _get_iterator(self) -> Any:
        return super()._get_iterator() if self.num_workers == 0 else _TimedIterator(self)


class _TimedIterator(_MultiProcessingDataLoaderIter):
    def _get_data(self) -> Any:
        try:
            return super()._get_data()
        except RuntimeError as error:
            if 'timed out after' not in str(error):
                raise
            self._give_up(error)
        except (OSError, EOFError) as error:
            # A worker that dies while it hands a tensor over takes its socket along.
            ends = {worker.sentinel: worker.pid for worker in self._workers}
            dead: list[Any] = multiprocessing.connection.wait(ends, SECONDS_TO_DIE)
            if not dead:
                raise
            raise RuntimeError(
                f'DataLoader worker (pid {ends[dead[0]]}) exited unexpectedly'
            ) from error

    def _give_up(self, error: RuntimeError) -> NoReturn:
        number = self._task_info[self._rcvd_idx][0]
        pid = self._workers[number].pid
        state = f', as it is stopped (kill -CONT {pid} continues it)' if _is_stopped(pid) else ''
        # Nothing else ends a stopped process. Torch would raise an error of its own on its end.
        _utils.signal_handling._remove_worker_pids(id(self))
        self._worker_pids_set = False
        for worker in self._workers:
            worker.kill()
        raise RuntimeError(
            f'data worker {number} (process {pid}) gave no batch in {self._timeout:g} seconds'
            f'{state}: see whether the disk of the data answers, or give the data loader of the '
            'config a longer timeout'
        ) from error


def watch(loader: DataLoader) -> DataLoader:
    """Return the same data loader, with a timeout where it has workers and none is given."""
    if type(loader) is DataLoader:
        loader.__class__ = TimedDataLoader
    if loader.num_workers > 0 and loader.timeout == 0:
        loader.timeout = TIMEOUT
    return loader


def _is_stopped(pid: int) -> bool:
    try:
        stat = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return False
    return stat.rpartition(')')[2].split()[0] in ('T', 't')

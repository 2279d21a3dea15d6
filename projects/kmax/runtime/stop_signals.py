"""Asks a training to stop when its process gets a signal, alike in all processes."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.dist import is_distributed, is_main_process
from mmengine.hooks import Hook
from torch import distributed

SIGNALS = [
    getattr(signal, name) for name in ('SIGTERM', 'SIGINT', 'SIGUSR1') if hasattr(signal, name)
]
"""The last is what schedulers send some time before they end a job."""

KEY = 'kmax_stop_after'
GRACE = 1.0
"""Seconds in which the same signal again is the same request: launchers hand on what all got."""

DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)


class StopSignals:
    """Notes the first signal that asks for an end; a later one ends the process at once.

    Attributes:
        received: The signal, or None.
        may_break_off: Whether what runs now may be broken off, by raising Broken.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.may_break_off = False
        self._taken: dict[signal.Signals, Any] = {}
        self._step: int | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take the signals that nothing else has taken; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) in DEFAULTS:
                    self._taken[number] = signal.signal(number, self._note)
        try:
            yield
        finally:
            for number, handler in self._taken.items():
                signal.signal(number, handler)
            self._taken.clear()

    def last_step(self, done: int, multiple: int) -> int | None:
        """Return after how many steps all processes stop, or None if no signal came.

        The processes synchronise once in ``multiple`` steps, so none is further ahead of another
        than that. The first that was signalled writes down a step that none has reached, where all
        look after each step: a look takes a tenth of a millisecond and waits for no GPU.

        Args:
            done: How many steps this process has done.
            multiple: The number stopped after must be one of this.
        """
        if self._step is None:
            self._step = self._agree(done, multiple)
        return self._step

    def _agree(self, done: int, multiple: int) -> int | None:
        following = -(-done // multiple) * multiple
        if not is_distributed():
            return None if self.received is None else following
        store = distributed.distributed_c10d._get_default_store()
        if self.received is None:
            return int(store.get(KEY)) if store.check([KEY]) else None
        # The first to write decides.
        return int(store.compare_set(KEY, '', str(following + 2 * multiple)))

    def _note(self, number: int, frame: Any) -> None:
        for taken in self._taken:
            signal.signal(taken, signal.SIG_IGN)
        if _another_failed():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.received = signal.Signals(number)
        if is_main_process():
            # The logger may be in the middle of a line.
            text = f'{self.received.name}: stopping soon, with a checkpoint; again ends at once\n'
            os.write(2, text.encode())
        time.sleep(GRACE)
        for taken in self._taken:
            # Not a function, which would wait for the end of what hangs.
            signal.signal(taken, signal.SIG_DFL)
        if self.may_break_off:
            raise Broken


class Broken(BaseException):
    """Raised by a signal in what may be broken off."""


class BreakOff(Hook):
    """Lets a signal break off a validation while its images are predicted.

    Not before and after: other hooks exchange the weights there, or save the best.
    """

    priority = 'VERY_HIGH'

    def __init__(self, signals: StopSignals) -> None:
        self._signals = signals

    def before_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Break off what was asked to stop, or let a signal do so."""
        # Processes that wait for one another's results finish it.
        self._signals.may_break_off = not is_distributed()
        if self._signals.received is not None and self._signals.may_break_off:
            raise Broken

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Let the other hooks finish."""
        self._signals.may_break_off = False


def let_workers_survive(loader: Any) -> None:
    """Keep the data workers of a loader from ending by what all processes of a job get."""
    loader.worker_init_fn = partial(ignore_first, loader.worker_init_fn)


def ignore_first(init: Callable[[int], None] | None, worker: int) -> None:
    """Prepare a data worker: it survives what all processes of a job get, and its main process.

    That one ends it by a second SIGTERM, or by ending itself.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_at_next)
    if init is not None:
        init(worker)


def _end_at_next(number: int, frame: Any) -> None:
    signal.signal(number, signal.SIG_DFL)


def _another_failed() -> bool:
    """Tell whether torchrun ends this process because another one failed."""
    place = os.environ.get('TORCHELASTIC_ERROR_FILE')
    return bool(place) and (Path(str(place)).parents[1] / 'failed').exists()

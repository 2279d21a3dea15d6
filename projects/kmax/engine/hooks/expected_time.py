"""Tells how long a training will take, and fits its schedule to the time that there is."""

import time
from datetime import datetime, timedelta
from math import ceil
from statistics import median
from typing import Any

from mmengine.dist import broadcast_object_list
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from ...runtime.values import check_number
from ..scheduler import WarmupPolyLR

STARTED = 10
"""Iterations that are slower: memory is allocated, kernels are chosen, data workers begin."""

MEASURED = 30
"""After how many iterations of a run their time is known."""


@HOOKS.register_module()
class ExpectedTimeHook(Hook):
    """Logs, after the first iterations, how long a training will take on this machine.

    Args:
        minutes: Where given, the training takes as many, of which validations are part: the number
            of iterations becomes what fits, and the intervals of validation change with it. The
            measured iterations are part of the warm-up, so the training is bit for bit the one
            with that number in its config.

    Raises:
        ValueError: If ``minutes`` is no positive number.
    """

    # After the hooks that do something in every iteration.
    priority = 'LOWEST'

    def __init__(self, minutes: float | None = None) -> None:
        if minutes is not None:
            check_number('--minutes', minutes, above=0)
        self.minutes = minutes
        self._began = time.monotonic()

    def before_train(self, runner: Any) -> None:
        """Begin to measure, and check that the schedule can be fitted."""
        self._first = runner.iter
        self._durations: list[float] = []
        self._last = time.monotonic()
        if self.minutes is not None:
            _check_schedule(runner)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Measure; once enough is measured, fit the schedule and tell the time."""
        done = runner.iter + 1 - self._first
        if done > MEASURED:
            return
        now = time.monotonic()
        self._durations.append(now - self._last)
        self._last = now
        if done < MEASURED:
            return
        measured = [(median(self._durations[STARTED:]), now - self._began)]
        # All processes go on alike.
        broadcast_object_list(measured)
        seconds, elapsed = measured[0]
        if self.minutes is not None:
            self._fit(runner, seconds, 60 * self.minutes - elapsed)
        left = runner.max_iters - runner.iter - 1
        if left <= 0:
            return
        needed = left * seconds + _validations(runner, runner.iter + 1) * _validation(
            runner, seconds
        )
        runner.logger.info(
            f'{left} more iterations of {seconds:.3g} s each, and validations, will take about '
            f'{_spoken(needed)}: until {_clock(datetime.now() + timedelta(seconds=needed))}'
        )

    def _fit(self, runner: Any, seconds: float, left: float) -> None:
        """Set the number of iterations to what fits into the seconds that are left."""
        done = runner.iter + 1
        left -= _validations(runner, done) * _validation(runner, seconds)
        counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        iterations = (done + int(left / seconds)) // counts * counts
        warmup = max(scheduler.warmup for scheduler in runner.param_schedulers)
        if iterations <= warmup:
            raise ValueError(
                f'--minutes {self.minutes:g} are too few: {max(iterations, 0)} iterations of '
                f'{seconds:.3g} s fit, and the warm-up alone has {warmup}'
            )
        interval = _set_length(runner, iterations)
        runner.dump_config()
        runner.logger.info(
            f'--minutes {self.minutes:g}: {iterations} iterations fit; the same training again, or '
            f'to resume it: --cfg-options train_cfg.max_iters={iterations} '
            f'train_cfg.val_interval={interval}'
        )


def _set_length(runner: Any, iterations: int) -> int:
    """Change how many iterations a run has, and with it how often it validates.

    Returns:
        The interval of validations.
    """
    loop = runner.train_loop
    interval = ceil(loop.val_interval * iterations / loop.max_iters)
    loop._max_iters, loop.val_interval = iterations, interval
    # mmengine's loop reads the interval from here.
    loop.dynamic_milestones, loop.dynamic_intervals = [0], [interval]
    for scheduler in runner.param_schedulers:
        scheduler.end = iterations
    runner.optim_wrapper.initialize_count_status(runner.model, runner.iter + 1, iterations)
    # Checkpoints hold it, and runs that go on from them follow it.
    runner.cfg.train_cfg.update(max_iters=iterations, val_interval=interval)
    runner.cfg.default_hooks.expected_time.pop('minutes')
    return interval


def _check_schedule(runner: Any) -> None:
    """Refuse a schedule whose first iterations depend on how many there will be."""
    if runner.iter:
        raise ValueError(
            '--minutes chooses the iterations of a new training: resume one without it, with '
            '--cfg-options train_cfg.max_iters=N as its log says'
        )
    if runner.cfg.train_cfg.get('dynamic_intervals'):
        raise ValueError('--minutes does not fit train_cfg.dynamic_intervals: remove them')
    schedulers = runner.param_schedulers or [None]
    if not all(isinstance(each, WarmupPolyLR) and each.warmup >= MEASURED for each in schedulers):
        raise ValueError(
            '--minutes needs param_scheduler to be WarmupPolyLR with a warmup of at least '
            f'{MEASURED} iterations: their time is measured, and no rate may depend on it'
        )


def _validations(runner: Any, done: int) -> int:
    """Return how many validations are to come."""
    loop = runner.train_loop
    if runner.val_loop is None:
        return 0
    last = runner.max_iters
    return last // loop.val_interval - done // loop.val_interval + (last % loop.val_interval > 0)


def _validation(runner: Any, seconds: float) -> float:
    """Return roughly how long a validation takes: an image as long as one of training.

    Less is computed, but for one image at a time, whose result is then evaluated.
    """
    loops = runner.train_loop, runner.val_loop
    if runner.val_loop is None:
        return 0.0
    trained, validated = (loop.dataloader.batch_sampler.batch_size for loop in loops)
    return seconds / trained * validated * len(runner.val_loop.dataloader)


def _spoken(seconds: float) -> str:
    """Write a duration as one says it."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f'{round(seconds)} s'
    if minutes < 90:
        return f'{minutes} min'
    return f'{seconds / 3600:.1f} h'


def _clock(when: datetime) -> str:
    """Write a time of today as such, and another with its day."""
    is_today = when.date() == datetime.now().date()
    return when.strftime('%H:%M' if is_today else '%Y-%m-%d %H:%M')

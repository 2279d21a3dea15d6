"""Training by iterations that continues exactly where it stopped."""

import json
import signal
from collections.abc import Iterator
from contextlib import suppress
from numbers import Real
from pathlib import Path
from typing import Any, NoReturn

from mmengine.dist import barrier, broadcast_object_list, get_rank, master_only
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.registry import LOOPS
from mmengine.runner import IterBasedTrainLoop

from kmax_deeplab.atomic_file import write_atomically

from .data_position import start_data
from .hooks.average_norm_statistics import AverageNormStatisticsHook, saves_after_iter
from .hooks.early_stopping import KeepEarlyStoppingHook, early_stopping
from .random_state import seed_step
from .resumable_data import make_resumable
from .stop_signals import BreakOff, Broken, StopSignals, let_workers_survive
from .values import check_number

LAST_VALIDATED = 'last_validated'
"""File of the work folder with iteration and figures of the validation completed last."""


@LOOPS.register_module()
class ResumableTrainLoop(IterBasedTrainLoop):
    """mmengine's loop, but N + M iterations equal N, a stop, a resume and M bit for bit.

    Every iteration and every sample seeds the generators by its place in the run, so there is no
    random state to save, for any number of processes and data workers; and data of past iterations
    are left out by drawing their indices only, where mmengine loads them all again.

    Args:
        runner: The runner.
        dataloader: Config of the data loader.
        **kwargs: ``max_iters``, ``val_begin``, ``val_interval``, ``dynamic_intervals``.

    Raises:
        ValueError: If ``max_iters`` or ``val_interval`` is no number of iterations.
    """

    def __init__(self, runner: Any, dataloader: dict, **kwargs: Any) -> None:
        count = kwargs.get('max_iters')
        # As mmengine, which takes 1e5.
        count = int(count) if isinstance(count, float) and count.is_integer() else count
        check_number('train_cfg.max_iters', count, 1, whole=True)
        check_number('train_cfg.val_interval', kwargs.get('val_interval', 1), 1, whole=True)
        super().__init__(runner, make_resumable(dataloader), **kwargs)
        del self.dataloader_iterator
        let_workers_survive(self.dataloader)
        self._signals = StopSignals()
        self._loading: Any = None
        if early_stopping(runner):
            runner.register_hook(KeepEarlyStoppingHook())

    def run(self) -> Any:
        """Train from the current iteration on and return the model.

        Raises:
            SystemExit: If a signal ended it; a checkpoint was saved, and all processes stopped
                after the same iteration.
        """
        if self.runner.val_loop is not None:
            let_workers_survive(self.runner.val_loop.dataloader)
            self.runner.register_hook(BreakOff(self._signals))
        with self._signals.taken():
            try:
                self._run_or_stop()
            finally:
                self._end_workers()
        return self.runner.model

    def _run_or_stop(self) -> None:
        try:
            return self._run()
        except Broken:
            self._signals.may_break_off = False
        # Here, where nothing holds the broken validation and its data workers any more.
        for hook in self.runner.hooks:
            if isinstance(hook, EMAHook):
                hook.after_val_epoch(self.runner)
        self._stop()

    def _run(self) -> None:
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        batches = self._batches()
        if self._iter == 0:
            self._forget_validated()
        else:
            self._make_up_for_validation()
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            batch = next(batches)
            seed_step(self._seed(), get_rank(), self._iter)
            self.run_iter(batch)
            if self._must_stop():
                self._stop()
            self._validate_if_due()
        if self._iter < self._max_iters:
            # It was stopped early, between two checkpoints maybe.
            self._save()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')

    def _must_stop(self) -> bool:
        # Half of the gradients of a step are in no checkpoint.
        counts = getattr(self.runner.optim_wrapper, '_accumulative_counts', 1)
        last = self._signals.last_step(self._iter, counts)
        return last is not None and last <= self._iter < self._max_iters

    def _stop(self) -> NoReturn:
        """Save a checkpoint and end the process as the signal says."""
        number = self._signals.received or signal.SIGTERM
        hook = self._save()
        place = 'no checkpoint was saved, as default_hooks has no checkpoint hook'
        if hook is not None:
            place = f'saved {hook.last_ckpt}; start it with --resume to go on'
        self.runner.logger.warning(
            f'{number.name}: stopped after iteration {self._iter} of {self._max_iters}, {place}'
        )
        # One that ended now would have its launcher end the one that is saving.
        barrier()
        raise SystemExit(128 + number)

    def _save(self) -> CheckpointHook | None:
        """Save a checkpoint, unless one has just been, and return the hook that did."""
        hook = next((hook for hook in self.runner.hooks if isinstance(hook, CheckpointHook)), None)
        if hook is None:
            return None
        # mmengine counts an iteration when its hooks have run.
        self._iter -= 1
        if self._iter >= 0 and not saves_after_iter(hook, self.runner):
            for other in self.runner.hooks:
                if isinstance(other, AverageNormStatisticsHook):
                    other.after_train_epoch(self.runner)
            hook._save_checkpoint(self.runner)
        self._iter += 1
        return hook

    def _batches(self) -> Iterator[Any]:
        # Started only now: a resumed run has its iteration, and its seed from the checkpoint.
        batch = start_data(self.runner, self._iter, self.dataloader.batch_sampler.batch_size)
        self.dataloader.batch_sampler.start_at(batch, self._seed())
        self._loading = iter(self.dataloader)
        return self._loading

    def _end_workers(self) -> None:
        """End the data workers, which would outlive the one signal that Python ends them by."""
        loaders = [self._loading]
        if self.runner.val_loop is not None:
            # There only where workers stay between validations.
            loaders.append(self.runner.val_loop.dataloader._iterator)
        for loader in loaders:
            end = getattr(loader, '_shutdown_workers', None)
            if end is not None:
                end()

    def _seed(self) -> int:
        """Return the seed that all processes share."""
        differs = self.runner._randomness_cfg.get('diff_rank_seed', False)
        return self.runner.seed - (get_rank() if differs else 0)

    def _validate_if_due(self) -> None:
        self._decide_current_val_interval()
        is_due = self._iter % self.val_interval == 0 or self._iter == self._max_iters
        if self.runner.val_loop is not None and self._iter >= self.val_begin and is_due:
            metrics = self.runner.val_loop.run() or {}
            self._check_watched(metrics)
            self._note_validated(metrics)

    def _check_watched(self, metrics: dict[str, Any]) -> None:
        """Refuse to wait for a metric that validation does not report, which never stops."""
        for hook in early_stopping(self.runner):
            if hook.monitor not in metrics:
                raise ValueError(
                    f'EarlyStoppingHook: monitor is {hook.monitor}, which validation does not '
                    f'report: choose among {", ".join(metrics)}'
                )

    def _make_up_for_validation(self) -> None:
        """Validate what a checkpoint holds, which was saved before, unless that was done."""
        metrics = self._validated()
        if metrics is None:
            self._validate_if_due()
            return
        for hook in early_stopping(self.runner):
            if hook.monitor in metrics:
                hook.after_val_epoch(self.runner, metrics)

    @master_only
    def _note_validated(self, metrics: dict[str, Any]) -> None:
        figures = {name: float(value) for name, value in metrics.items() if isinstance(value, Real)}
        note = json.dumps(dict(iteration=self._iter, metrics=figures))
        write_atomically(Path(self.runner.work_dir, LAST_VALIDATED), note.encode())

    @master_only
    def _forget_validated(self) -> None:
        """Remove the note of an earlier run in the same folder."""
        Path(self.runner.work_dir, LAST_VALIDATED).unlink(missing_ok=True)

    def _validated(self) -> dict[str, float] | None:
        """Return, alike in all processes, the figures of the checkpoint if it was validated."""
        path = Path(self.runner.work_dir, LAST_VALIDATED)
        answer = [None]
        if path.is_file():
            with suppress(ValueError):
                note = json.loads(path.read_text())
                if isinstance(note, dict) and note.get('iteration') == self._iter:
                    answer = [note.get('metrics')]
        broadcast_object_list(answer)
        return answer[0]

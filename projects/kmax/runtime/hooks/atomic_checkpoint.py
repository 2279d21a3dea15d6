"""Checkpoints that survive a crash at any moment."""

from copy import copy
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS

from kmax_deeplab.atomic_file import remove_temporaries
from kmax_deeplab.locks import hold_folder, release_folders


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's hook, but a local checkpoint is whole or absent, and old ones outlive new ones.

    Files are written under another name, synchronised with the disk and renamed; then
    ``last_checkpoint`` is, and only then are those beyond ``max_keep_ckpts`` removed. A full disk
    thus ends the run with the earlier checkpoint in place.
    """

    out_dir: str
    backend_args: dict | None
    file_client_args: dict | None
    file_backend: Any

    def before_train(self, runner: Any) -> None:
        """Choose the folder, hold it and clear it of what a killed run left half-written.

        Raises:
            ValueError: If another training writes to the folder, which the main process finds; or
                if checkpoints would fall between two accumulated iterations: their
                gradients would be lost.
        """
        self._check_interval(runner)
        folder = self.out_dir or runner.work_dir
        is_local = isinstance(get_file_backend(folder), LocalBackend)
        if self.backend_args is None and self.file_client_args is None and is_local:
            self.backend_args = dict(backend='atomic')
        super().before_train(runner)
        if is_local and is_main_process():
            for place in self._places(runner):
                hold_folder(place)
                remove_temporaries(place, '*.pth')
                remove_temporaries(place, 'last_checkpoint')

    def after_run(self, runner: Any) -> None:
        """Let other trainings write to the folder."""
        release_folders(self._places(runner))

    def _places(self, runner: Any) -> list[Path]:
        return sorted({Path(self.out_dir or runner.work_dir), Path(runner.work_dir)})

    def _check_interval(self, runner: Any) -> None:
        counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if not self.by_epoch and self.interval > 0 and self.interval % counts:
            raise ValueError(
                f'default_hooks.checkpoint.interval is {self.interval}, but '
                f'optim_wrapper.accumulative_counts is {counts}: make the interval a multiple, as '
                'a checkpoint does not hold the gradients accumulated so far'
            )

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        outdated = self._keep(runner, step)
        filename = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            filename,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            pointer = Path(runner.work_dir, 'last_checkpoint')
            get_file_backend(backend_args=dict(backend='atomic')).put_text(self.last_ckpt, pointer)
            for old in outdated:
                self._remove(old)

    def _save_best_checkpoint(self, runner: Any, metrics: dict) -> None:
        asked = [] if self.save_best is None else self.save_best
        absent = [name for name in asked if name != 'auto' and name not in metrics]
        if absent:
            raise ValueError(
                f'default_hooks.checkpoint.save_best is {", ".join(absent)}, which validation does '
                f'not report: choose among {", ".join(metrics)}'
            )
        # mmengine removes the former best before it writes the new one.
        backend = self.file_backend
        removed: list[str] = []
        self.file_backend = copy(backend)
        self.file_backend.remove = removed.append
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = backend
        for path in removed:
            backend.remove(path)

    def _keep(self, runner: Any, step: int) -> list[int]:
        """Note that ``step`` is kept and return the steps that are no longer."""
        if self.max_keep_ckpts <= 0 or step in self.keep_ckpt_ids:
            return []
        is_full = len(self.keep_ckpt_ids) == self.max_keep_ckpts
        outdated = [self.keep_ckpt_ids.popleft()] if is_full else []
        self.keep_ckpt_ids.append(step)
        runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        return outdated

    def _remove(self, step: int) -> None:
        path = self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(step))
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)

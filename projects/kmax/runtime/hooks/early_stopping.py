"""Lets mmengine's early stopping go on where a run was when it was stopped."""

from typing import Any

from mmengine.hooks import EarlyStoppingHook, Hook

KEY = 'early_stopping'


class KeepEarlyStoppingHook(Hook):
    """Keeps in checkpoints what each ``EarlyStoppingHook`` has seen: its best score and patience.

    mmengine's begins anew when a training resumes. :class:`.ResumableTrainLoop` adds this hook.
    """

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Write down the best score and the validations since."""
        checkpoint[KEY] = {
            hook.monitor: dict(best_score=float(hook.best_score), wait_count=hook.wait_count)
            for hook in early_stopping(runner)
        }

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Read them where a training goes on."""
        if not runner._resume:
            return
        for hook in early_stopping(runner):
            for name, value in checkpoint.get(KEY, {}).get(hook.monitor, {}).items():
                setattr(hook, name, value)


def early_stopping(runner: Any) -> list[EarlyStoppingHook]:
    """Return the hooks of a run that may end it before its last iteration."""
    return [hook for hook in runner.hooks if isinstance(hook, EarlyStoppingHook)]

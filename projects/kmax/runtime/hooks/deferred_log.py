"""Keeps the figures of each step for the log without waiting for the device."""

from typing import Any

from mmengine.hooks import RuntimeInfoHook
from mmengine.logging import HistoryBuffer
from mmengine.registry import HOOKS

from ..deferred_history import DeferredHistory
from ..step_values import StepValues


@HOOKS.register_module()
class DeferredLogHook(RuntimeInfoHook):
    """mmengine's hook that notes what a step returns, but the host takes it when it reads it.

    mmengine's waits for the device once for each of some fifty terms, and copies the whole history
    of every term in each step. The log, and what is saved of it, are the same.
    """

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Note the iteration and the learning rates."""
        scalars = runner.message_hub.log_scalars
        for name, history in scalars.items():
            # As loaded from a checkpoint, or begun by another hook.
            if type(history) is HistoryBuffer and name.startswith('train/'):
                scalars[name] = DeferredHistory(history)
        super().before_train_iter(runner, batch_idx, data_batch)

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Note the figures that the step returned."""
        hub = runner.message_hub
        values = StepValues(outputs or {})
        for name in outputs or {}:
            key = f'train/{name}'
            if key not in hub.log_scalars:
                hub.log_scalars[key] = DeferredHistory()
                hub._set_resumed_keys(key, True)
            hub.log_scalars[key].update_later(values, name)

"""Logs the norm of the gradients."""

from typing import Any

from mmengine.hooks import Hook, LoggerHook
from mmengine.registry import HOOKS
from torch import nn


@HOOKS.register_module()
class GradientNormHook(Hook):
    """Measures the gradients' norm, which the original does not clip, where it is logged.

    It is taken as the optimiser starts its step: over all processes, accumulated and without the
    scale of mixed precision. Between two lines of the log it costs nothing.
    """

    def before_train(self, runner: Any) -> None:
        """Watch the optimiser's steps."""
        self._is_due = False
        self._norm: Any = None
        runner.optim_wrapper.optimizer.register_step_pre_hook(self._measure)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Find out whether a step now is the last one before a line of the log."""
        counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        self._is_due = any(
            isinstance(hook, LoggerHook)
            and any(
                hook.every_n_inner_iters(index, hook.interval)
                for index in range(batch_idx, batch_idx + counts)
            )
            for hook in runner.hooks
        )

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Hand the norm to the log."""
        if self._norm is not None:
            runner.message_hub.update_scalar('train/grad_norm', self._norm)
            self._norm = None

    def _measure(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if not self._is_due:
            return
        params = (param for group in optimizer.param_groups for param in group['params'])
        gradients = [param.grad for param in params if param.grad is not None]
        self._norm = nn.utils.get_total_norm(gradients)

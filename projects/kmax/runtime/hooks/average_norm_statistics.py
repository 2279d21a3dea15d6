"""Gives every process the same statistics where batch norm cannot be synchronised."""

from typing import Any

from mmengine.dist import all_reduce_params, is_distributed
from mmengine.hooks import CheckpointHook, EMAHook, Hook
from mmengine.registry import HOOKS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@HOOKS.register_module()
class AverageNormStatisticsHook(Hook):
    """Averages the running statistics of plain batch norm over the processes.

    Done before a checkpoint is saved and before validation, so that a checkpoint, which the main
    process writes, gives in ``tools/test.py`` what validation gave. Whether to do so depends only
    on the progress of training, which all processes share: none waits for another in vain.
    """

    # Before an EMAHook copies them to its average.
    priority = 'ABOVE_NORMAL'

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Average where a checkpoint follows; the hook that saves it comes later."""
        if any(saves_after_iter(hook, runner) for hook in runner.hooks):
            _average_all(runner)

    def after_train_epoch(self, runner: Any) -> None:
        """Average at the end of an epoch, where checkpoints may be saved."""
        _average_all(runner)

    def before_val_epoch(self, runner: Any) -> None:
        """Average before validation."""
        _average_all(runner)


def _average_all(runner: Any) -> None:
    """Average the statistics of the model, and those that an ``EMAHook`` validates and saves."""
    average_norm_statistics(runner.model)
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            average_norm_statistics(hook.ema_model)


def saves_after_iter(hook: Hook, runner: Any) -> bool:
    """Tell whether a hook is one that saves a checkpoint after the current iteration."""
    if not isinstance(hook, CheckpointHook) or hook.by_epoch:
        return False
    due = hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
    return due or (hook.save_last and hook.is_last_train_iter(runner))


def norm_statistics(model: nn.Module) -> list[Tensor]:
    """Return the running means and variances of a model's batch norms that are not synchronised."""
    norms = [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm)
    ]
    statistics = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    return [buffer for buffer in statistics if buffer is not None]


def average_norm_statistics(model: nn.Module) -> None:
    """Replace the statistics by their mean over all processes, if there are several."""
    statistics = norm_statistics(model)
    if is_distributed() and statistics:
        all_reduce_params(statistics, op='mean')

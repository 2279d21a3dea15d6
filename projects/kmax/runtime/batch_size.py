"""Recipes on other hardware than they are written for: batches in parts, batches of other sizes."""

from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

# Settings that count iterations, which accumulation makes smaller.
LOOP_COUNTS = ('max_iters', 'val_interval', 'val_begin', 'dynamic_intervals')
SCHEDULE_COUNTS = (
    *('begin', 'end', 'warmup', 'T_max', 'total_steps', 'step_size', 'milestones', 'periods'),
)
CHECKPOINT_COUNTS = ('interval', 'save_begin')
# Change the rate by a factor at every iteration, whatever their number.
COUNTLESS = ('ExponentialLR',)


def accumulate(cfg: Config, counts: int) -> None:
    """Add the gradients of several iterations up to one step of the optimiser.

    The mean of the losses of ``counts`` batches is the loss of one batch as large, because every
    loss is a mean over images. So the training remains what it was when the batch size is divided
    by ``counts``: the iterations of the loop, the schedule and the checkpoints are multiplied.
    What differs is batch norm, whose statistics are those of the small batches, and an
    ``EMAHook``, which averages after every iteration. Where the config accumulates already, each
    of the iterations of its steps becomes as many. A schedule that cannot be stretched is a
    ValueError.
    """
    if 'optim_wrapper' not in cfg:
        raise KeyError('--accumulate: the config lacks optim_wrapper')
    wrapper = cfg.optim_wrapper
    wrapper.accumulative_counts = counts * wrapper.get('accumulative_counts', 1)
    loop = cfg.get('train_cfg') or {}
    if 'max_iters' in loop:
        _multiply(loop, LOOP_COUNTS, counts)
    schedulers = cfg.get('param_scheduler') or []
    for scheduler in [schedulers] if isinstance(schedulers, dict) else schedulers:
        if not scheduler.get('by_epoch', True):
            if scheduler['type'] in COUNTLESS:
                raise ValueError(
                    f'--accumulate cannot stretch {scheduler["type"]}, whose rates do not follow '
                    'from numbers of iterations: set optim_wrapper.accumulative_counts and the '
                    'schedule in the config'
                )
            _multiply(scheduler, SCHEDULE_COUNTS, counts)
    checkpoint = cfg.get('default_hooks', {}).get('checkpoint') or {}
    if not checkpoint.get('by_epoch', True):
        _multiply(checkpoint, CHECKPOINT_COUNTS, counts)


def scale_learning_rate(runner: Any) -> None:
    """Scale the learning rate with the batch size where ``auto_scale_lr.enable`` asks for it.

    Adam's steps do not grow with the gradient, only its noise shrinks with the batch: their rate
    follows the square root of the batch size (Malladi et al., "On the SDEs and Scaling Rules for
    Adaptive Gradient Algorithms", NeurIPS 2022, whose rule scales the betas as well; they are left
    alone here). That of other optimisers follows the batch size itself (Goyal et al., arXiv
    1706.02677), as mmengine scales all. A batch is what one step of the optimiser sees: over all
    processes and accumulated iterations. The runner must not have built its optimiser yet;
    mmengine's own scaling is disabled.
    """
    settings = runner.auto_scale_lr
    if not settings or not settings.get('enable', False):
        return
    wrapper = runner.optim_wrapper
    per_process = runner._train_dataloader['batch_size'] * wrapper.get('accumulative_counts', 1)
    batch_size = runner.world_size * per_process
    ratio = batch_size / settings['base_batch_size']
    optimizer = wrapper['optimizer']
    factor = ratio**0.5 if 'Adam' in str(optimizer['type']) else ratio
    print_log(
        f'the learning rate {optimizer["lr"]} of a batch of {settings["base_batch_size"]} becomes '
        f'{optimizer["lr"] * factor:.4g} for one of {batch_size}',
        logger='current',
    )
    optimizer['lr'] *= factor
    runner.auto_scale_lr = {**settings, 'enable': False}


def _multiply(settings: Any, names: tuple[str, ...], factor: int) -> None:
    for name in names:
        if settings.get(name) is not None:
            settings[name] = _multiplied(settings[name], factor)


def _multiplied(counts: Any, factor: int) -> Any:
    if isinstance(counts, (list, tuple)):
        return [_multiplied(count, factor) for count in counts]
    return factor * counts

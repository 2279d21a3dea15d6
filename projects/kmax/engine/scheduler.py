"""Linear warm-up into a polynomial decay that does not wait for it."""

from typing import Any

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS

POWER = 0.9


@PARAM_SCHEDULERS.register_module()
class WarmupPolyLR(LRSchedulerMixin, _ParamScheduler):
    """``lr * step / warmup`` below ``warmup`` steps, then ``lr * (1 - step / end) ** 0.9``.

    The decay counts from step 0, so the rate drops a little where the warm-up ends; mmengine's
    ``PolyLR`` after a ``LinearLR`` would start from the full rate there. A training shorter than
    the warm-up ends within it.

    Args:
        optimizer: Optimiser or optimiser wrapper.
        warmup: Iterations of warm-up; the first one has a learning rate of 0.
        end: Iterations of the whole training; the runner sets it to its ``max_iters``.
        by_epoch: Must be False, as the schedule counts iterations.
        **kwargs: Further arguments of mmengine's schedulers.

    Raises:
        ValueError: If ``by_epoch`` is not False or ``warmup`` is negative.
    """

    def __init__(
        self, optimizer: Any, *, warmup: int, end: int, by_epoch: bool = True, **kwargs: Any
    ) -> None:
        if by_epoch:
            raise ValueError('WarmupPolyLR counts iterations: set by_epoch=False')
        if warmup < 0:
            raise ValueError(f'param_scheduler.warmup is {warmup}, but cannot be negative')
        self.warmup = warmup
        super().__init__(optimizer, end=end, by_epoch=by_epoch, **kwargs)

    def _get_value(self) -> list[float]:
        step = self.last_step
        factor = step / self.warmup if step < self.warmup else (1 - step / self.end) ** POWER
        return [base * factor for base in self.base_values]

"""Linear warm-up into a polynomial decay that does not wait for it."""

from typing import Any

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS

from ..runtime.values import check_number

POWER = 0.9


@PARAM_SCHEDULERS.register_module()
class WarmupPolyLR(LRSchedulerMixin, _ParamScheduler):
    """``lr * step / warmup`` below ``warmup`` steps, then ``lr * (1 - step / end) ** 0.9``.

    A resumed training follows the config's schedule, should it differ from the checkpoint's.

    The decay counts from step 0, so the rate drops a little where the warm-up ends; mmengine's
    ``PolyLR`` after a ``LinearLR`` would start from the full rate there. A training shorter than
    the warm-up ends within it.

    Args:
        optimizer: Optimiser or optimiser wrapper.
        warmup: Iterations of warm-up.
        start_factor: Share of the learning rate in the first iteration; the original's is 0, the
            PyTorch port's 0.001.
        end: Iterations of the whole training; the runner sets it to its ``max_iters``.
        by_epoch: Must be False, as the schedule counts iterations.
        **kwargs: Further arguments of mmengine's schedulers.

    Raises:
        ValueError: If ``by_epoch`` is not False, ``warmup`` is negative or ``start_factor`` is not
            a share.
    """

    def __init__(
        self,
        optimizer: Any,
        *,
        warmup: int,
        end: int,
        start_factor: float = 0.0,
        by_epoch: bool = True,
        **kwargs: Any,
    ) -> None:
        if by_epoch:
            raise ValueError('WarmupPolyLR counts iterations: set by_epoch=False')
        check_number('param_scheduler.warmup', warmup, 0)
        check_number('param_scheduler.start_factor', start_factor, 0, 1)
        self.warmup = warmup
        self.start_factor = start_factor
        super().__init__(optimizer, end=end, by_epoch=by_epoch, **kwargs)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue at the step of a checkpoint, on this schedule."""
        own = ('warmup', 'start_factor', 'begin', 'end')
        super().load_state_dict({key: state_dict[key] for key in state_dict if key not in own})

    def _get_value(self) -> list[float]:
        step = self.last_step
        if step < self.warmup:
            share = step / self.warmup
            factor = self.start_factor * (1 - share) + share
        else:
            factor = (1 - step / self.end) ** POWER
        return [base * factor for base in self.base_values]

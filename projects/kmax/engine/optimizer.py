"""Adam as the original's training uses it."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from mmengine.registry import OPTIMIZERS
from torch import Tensor
from torch.optim import Optimizer

from ..runtime.values import check_number

MOMENTS = ('exp_avg', 'exp_avg_sq')


@OPTIMIZERS.register_module()
class KMaXAdamW(Optimizer):
    r"""Decoupled weight decay, then Adam with epsilon beside the uncorrected second moment.

    .. math::
        w &\leftarrow w - \eta \lambda w \\
        w &\leftarrow w -
            \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \frac{m}{\sqrt v + \hat\epsilon}

    This is the second form of Adam in section 2 of Kingma & Ba (arXiv 1412.6980), which TensorFlow
    uses; ``torch.optim.AdamW`` adds epsilon to the corrected moment instead.
    As in TensorFlow the step ``t`` is counted for all parameters of a group at once.

    Args:
        params: Parameters or parameter groups.
        lr: Learning rate.
        betas: Decay of the first and of the second moment.
        eps: Epsilon hat.
        weight_decay: Share ``lr * weight_decay`` of each weight is subtracted per step.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-7,
        weight_decay: float = 0.0,
    ) -> None:
        for name, value in (('lr', lr), ('eps', eps), ('weight_decay', weight_decay)):
            check_number(f'optimizer.{name}', value, 0)
        for beta in betas:
            check_number('optimizer.betas', beta, 0, 1)
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, step=0)
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient; return the loss of ``closure``, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        group['step'] += 1
        params = [param for param in group['params'] if param.grad is not None]
        if not params:
            return
        grads = [_in_layout_of(param, param.grad) for param in params]
        states = [self.state[param] for param in params]
        for param, state in zip(params, states, strict=True):
            for name in MOMENTS:
                # A checkpoint may have been written in another layout.
                moment = state.get(name)
                state[name] = (
                    torch.zeros_like(param) if moment is None else _in_layout_of(param, moment)
                )
        beta1, beta2 = group['betas']
        root = (1 - beta2 ** group['step']) ** 0.5
        # torch's kernel divides the root of the second moment by this one before it adds epsilon.
        step = torch.full((), float(group['step']), device=params[0].device)
        moments: Any = ([state[name] for state in states] for name in MOMENTS)
        update: Any = torch._fused_adamw_
        update(
            params,
            grads,
            *moments,
            [],
            [step] * len(params),
            lr=group['lr'],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group['weight_decay'],
            eps=group['eps'] / root,
            amsgrad=False,
            maximize=False,
        )


def _in_layout_of(param: Tensor, values: Tensor) -> Tensor:
    """Return values in the memory layout of a parameter: torch's kernel takes it for granted."""
    if values.stride() == param.stride():
        return values
    return torch.empty_like(param).copy_(values)

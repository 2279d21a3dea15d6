"""Adam as the original's training uses it."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from mmengine.registry import OPTIMIZERS
from torch.optim import Optimizer

from ..runtime.values import check_number


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
        grads = [param.grad for param in params]
        states = [self.state[param] for param in params]
        for param, state in zip(params, states, strict=True):
            if not state:
                state['exp_avg'] = torch.zeros_like(param)
                state['exp_avg_sq'] = torch.zeros_like(param)
        first = [state['exp_avg'] for state in states]
        second = [state['exp_avg_sq'] for state in states]

        beta1, beta2 = group['betas']
        torch._foreach_lerp_(first, grads, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, grads, grads, value=1 - beta2)

        if group['weight_decay']:
            torch._foreach_mul_(params, 1 - group['lr'] * group['weight_decay'])
        denominator = torch._foreach_sqrt(second)
        torch._foreach_add_(denominator, group['eps'])
        correction = (1 - beta2 ** group['step']) ** 0.5 / (1 - beta1 ** group['step'])
        torch._foreach_addcdiv_(params, first, denominator, value=-group['lr'] * correction)

"""Activation checkpointing: forget what a block computed, and compute it again for its gradient."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recompute(function: Any, *args: Any) -> Any:
    """Call a module, or a method of one, and keep only its inputs for the backward pass.

    Results and gradients are those of the plain call, and so are the running statistics of batch
    norms, which torch's own checkpointing would update a second time.
    """
    # A compiler decides itself what to keep.
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return function(*args)
    module = function if isinstance(function, nn.Module) else function.__self__
    contexts = partial(_contexts, module)
    return checkpoint(function, *args, use_reentrant=False, context_fn=contexts)


class RecomputedSequential(nn.Sequential):
    """``nn.Sequential`` whose modules are each recomputed in the backward pass."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the modules one after the other."""
        for module in self:
            x = recompute(module, x)
        return x


def _contexts(module: nn.Module) -> tuple[AbstractContextManager, AbstractContextManager]:
    return nullcontext(), _kept_statistics(module)


@contextmanager
def _kept_statistics(module: nn.Module) -> Iterator[None]:
    norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm)]
    settings = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        # Without a momentum it is 0 already, as there is no count.
        norm.momentum = None if norm.momentum is None else 0.0
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, settings, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count

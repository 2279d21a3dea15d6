"""The original's initial weights (Keras' initialisers, which PyTorch does not have)."""

import math
from typing import Any

from mmengine.model import update_init_info
from mmengine.registry import WEIGHT_INITIALIZERS
from torch import Tensor, nn

# Keras draws from a normal truncated at two standard deviations; its variance scaling divides by
# the standard deviation that is left after truncation.
TRUNCATED_STD = 0.87962566103423978


def trunc_normal_(weight: Tensor, std: float) -> None:
    """Fill ``weight`` from a normal distribution truncated at two standard deviations."""
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


def mark_std(conv: Any, std: float) -> None:
    """Have :class:`KerasInit` draw a convolution's kernel with this standard deviation."""
    conv.init_std = std


@WEIGHT_INITIALIZERS.register_module()
class KerasInit:
    """Initialise every convolution and embedding of a module as the original does.

    Convolutions are he-normal over their fan-in unless :func:`mark_std` says otherwise, depthwise
    ones glorot-uniform, embeddings a unit normal. Norms get their first scale when they are built:
    converting them to synchronised ones, which happens before this, keeps values only.
    """

    def __call__(self, module: nn.Module) -> None:
        """Initialise ``module`` and everything below it."""
        for child in module.modules():
            if isinstance(child, nn.modules.conv._ConvNd):
                _init_conv_(child)
            elif isinstance(child, nn.Embedding):
                trunc_normal_(child.weight, 1.0)
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info='KerasInit: as the original')


def _init_conv_(conv: nn.modules.conv._ConvNd) -> None:
    weight = conv.weight
    std = getattr(conv, 'init_std', None)
    receptive_field = weight[0, 0].numel()
    if std is not None:
        trunc_normal_(weight, std)
    elif conv.groups > 1:
        # Keras reads the kernel's shape (h, w, C, 1) as C inputs and one output.
        bound = math.sqrt(6 / (receptive_field * (weight.shape[0] + 1)))
        nn.init.uniform_(weight, -bound, bound)
    else:
        fan_in = weight.shape[1] * receptive_field
        trunc_normal_(weight, math.sqrt(2 / fan_in) / TRUNCATED_STD)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)

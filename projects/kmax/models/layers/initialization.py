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


def mark_gamma(norm: Any, gamma: float) -> None:
    """Have :class:`KerasInit` start a norm at this scale: 0 makes a residual branch silent."""
    norm.init_gamma = gamma


@WEIGHT_INITIALIZERS.register_module()
class KerasInit:
    """Initialise every convolution, norm and embedding of a module as the original does.

    Convolutions are he-normal over their fan-in, depthwise ones glorot-uniform, relative position
    embeddings a unit normal, unless :func:`mark_std` or :func:`mark_gamma` says otherwise.
    """

    def __call__(self, module: nn.Module) -> None:
        """Initialise ``module`` and everything below it."""
        for child in module.modules():
            if isinstance(child, nn.modules.conv._ConvNd):
                _init_conv_(child)
            elif isinstance(child, nn.modules.batchnorm._BatchNorm | nn.LayerNorm):
                nn.init.constant_(child.weight, getattr(child, 'init_gamma', 1.0))
                nn.init.zeros_(child.bias)
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
        # Keras counts one input and one output channel for a depthwise kernel.
        bound = math.sqrt(6 / (2 * receptive_field))
        nn.init.uniform_(weight, -bound, bound)
    else:
        fan_in = weight.shape[1] * receptive_field
        trunc_normal_(weight, math.sqrt(2 / fan_in) / TRUNCATED_STD)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)

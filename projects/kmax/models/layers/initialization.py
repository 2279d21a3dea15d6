"""Initial weights of the original (Keras' initialisers, which PyTorch lacks) and of the port."""

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
    """Have the initialisers below draw a convolution's kernel with this standard deviation."""
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
                self._init_conv_(child)
            elif isinstance(child, nn.Embedding):
                self._normal_(child.weight, 1.0)
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=type(self).__name__)

    def _init_conv_(self, conv: nn.modules.conv._ConvNd) -> None:
        weight = conv.weight
        std = getattr(conv, 'init_std', None)
        if std is not None:
            self._normal_(weight, std)
        elif conv.groups > 1:
            # Keras reads the kernel's shape (h, w, C, 1) as C inputs and one output.
            bound = math.sqrt(6 / (weight[0, 0].numel() * (weight.shape[0] + 1)))
            nn.init.uniform_(weight, -bound, bound)
        else:
            self._normal_(weight, self._he_std(weight))
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)

    @staticmethod
    def _normal_(weight: Tensor, std: float) -> None:
        trunc_normal_(weight, std)

    @staticmethod
    def _he_std(weight: Tensor) -> float:
        return math.sqrt(2 / weight[0].numel()) / TRUNCATED_STD


@WEIGHT_INITIALIZERS.register_module()
class PortInit(KerasInit):
    """Initialise every convolution and embedding of the head as the PyTorch port does.

    Where the original divides by the fan-in the port divides by the input's channels: its 3x3
    kernels start three times as wide. It truncates at two, whatever the standard deviation. The
    port's backbones start as their own libraries start them.
    """

    @staticmethod
    def _normal_(weight: Tensor, std: float) -> None:
        nn.init.trunc_normal_(weight, std=std)

    @staticmethod
    def _he_std(weight: Tensor) -> float:
        return math.sqrt(2 / weight.shape[1])

"""Building blocks shared by the pixel decoder, the transformer decoder and the axial backbone."""

from .axial_attention import AxialAttention, AxialAttention1d
from .blocks import AxialBlock, BottleneckBlock
from .conv import BN, ConvBN1d, norm_1d, resize, start_silent
from .initialization import KerasInit, mark_std
from .precision import full_precision

__all__ = [
    'BN',
    'AxialAttention',
    'AxialAttention1d',
    'AxialBlock',
    'BottleneckBlock',
    'ConvBN1d',
    'KerasInit',
    'full_precision',
    'mark_std',
    'norm_1d',
    'resize',
    'start_silent',
]

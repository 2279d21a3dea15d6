"""Building blocks shared by the pixel decoder, the transformer decoder and the axial backbone."""

from .axial_attention import AxialAttention, AxialAttention1d
from .blocks import AxialBlock, BottleneckBlock
from .checkpointing import RecomputedSequential, recompute
from .conv import BN, AlignCorners, ConvBN1d, norm_1d, resize, start_silent
from .initialization import KerasInit, PortInit, mark_std
from .norm_gelu import ConvNormGELU, DepthwiseSeparableConv
from .precision import at_least_float32, float32_under_autocast

__all__ = [
    'BN',
    'AlignCorners',
    'AxialAttention',
    'AxialAttention1d',
    'AxialBlock',
    'BottleneckBlock',
    'ConvBN1d',
    'ConvNormGELU',
    'DepthwiseSeparableConv',
    'KerasInit',
    'PortInit',
    'RecomputedSequential',
    'at_least_float32',
    'float32_under_autocast',
    'mark_std',
    'norm_1d',
    'recompute',
    'resize',
    'start_silent',
]

"""Building blocks shared by the pixel decoder, the transformer decoder and the axial backbone."""

from .axial_attention import AxialAttention, AxialAttention1d
from .blocks import AxialBlock, BottleneckBlock
from .checkpointing import RecomputedSequential, recompute
from .conv import BN, AlignCorners, ConvBN1d, norm_1d, resize, start_silent
from .initialization import KerasInit, PortInit, mark_std
from .precision import full_precision

__all__ = [
    'BN',
    'AlignCorners',
    'AxialAttention',
    'AxialAttention1d',
    'AxialBlock',
    'BottleneckBlock',
    'ConvBN1d',
    'KerasInit',
    'PortInit',
    'RecomputedSequential',
    'full_precision',
    'mark_std',
    'norm_1d',
    'recompute',
    'resize',
    'start_silent',
]

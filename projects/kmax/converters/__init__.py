"""Weights of other code bases under our names.

A format is a module with a ``plan`` and a ``layout`` (see :class:`Format`), named here.
"""

from . import deeplab2
from .conversion import Conversion, ConversionError, Format, Plan, convert
from .tensorflow_checkpoint import open_tensorflow

FORMATS = {
    'deeplab2': Format(open_tensorflow, deeplab2.plan, deeplab2.layout),
}

__all__ = ['FORMATS', 'Conversion', 'ConversionError', 'Format', 'Plan', 'convert']

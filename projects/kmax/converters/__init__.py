"""Weights of other code bases under our names.

A format is a module with a ``plan`` and a ``layout`` (see :class:`Format`), named here.
"""

from functools import partial

from . import deeplab2, imagenet, port
from .conversion import Conversion, Format, Plan, convert
from .errors import ConversionError
from .tensorflow_checkpoint import open_tensorflow
from .torch_checkpoint import open_torch

FORMATS = {
    'deeplab2': Format(open_tensorflow, deeplab2.plan, deeplab2.layout, deeplab2.class_rows),
    'port': Format(open_torch, port.plan, port.layout, port.class_rows),
    **{
        project: Format(open_torch, partial(imagenet.plan, project), imagenet.layout)
        for project in ('torchvision', 'timm', 'convnext')
    },
}

__all__ = ['FORMATS', 'Conversion', 'ConversionError', 'Format', 'Plan', 'convert']

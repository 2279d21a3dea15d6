"""Backbones in the form the original gives them."""

from .axial_resnet import AxialResNet
from .convnext import KMaXConvNeXt
from .resnet import KMaXResNet

__all__ = ['AxialResNet', 'KMaXConvNeXt', 'KMaXResNet']

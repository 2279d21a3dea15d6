"""Backbones in the form the original gives them."""

from .resnet import KMaXResNet

__all__ = ['KMaXResNet']

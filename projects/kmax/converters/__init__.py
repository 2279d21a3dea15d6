"""Weights of other code bases under our names."""

from .deeplab2 import convert_deeplab2

__all__ = ['convert_deeplab2']

"""Panoptic PNGs by the name that users import."""

from .panoptic.files import read_panoptic_png, write_panoptic_png

__all__ = ['read_panoptic_png', 'write_panoptic_png']

"""Shapes that annotation tools draw, as polygons of pixels: ``x1, y1, x2, y2, ...``."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DEVIATION = 0.05
"""Pixels that an ellipse may lie beside its polygon."""

LEAST, MOST = 12, 4096
"""Corners of such a polygon."""

Ring = NDArray[np.float64]


def ring_of(points: Sequence[Sequence[float]]) -> Ring:
    """Return the polygon through points ``(x, y)``."""
    return np.array(points, np.float64).ravel()


def rectangle(left: float, top: float, right: float, bottom: float) -> Ring:
    """Return the polygon of a rectangle."""
    return ring_of([(left, top), (right, top), (right, bottom), (left, bottom)])


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> Ring:
    """Return a polygon that an ellipse around ``(x, y)`` leaves by at most ``DEVIATION``."""
    corners = math.pi * math.sqrt(max(radius_x, radius_y, 0) / (2 * DEVIATION))
    angles = np.linspace(0, 2 * np.pi, min(max(math.ceil(corners), LEAST), MOST), endpoint=False)
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], 1).ravel()


def turned(ring: Ring, degrees: float, x: float, y: float) -> Ring:
    """Turn a polygon clockwise, as it is seen, about ``(x, y)``."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    away = ring.reshape(-1, 2) - (x, y)
    return (away @ ((cos, sin), (-sin, cos)) + (x, y)).ravel()

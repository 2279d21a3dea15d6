"""Polygons that a mask becomes, for tools that take no masks."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

TOLERANCE = 1.0
"""Pixels between a boundary and its polygon: the steps of slanted boundaries, and no more."""


def trace_outlines(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Return a polygon around each connected part of a mask; holes are filled.

    Polygons run along the edges of pixels, not through their centres: the square of pixel
    ``(x, y)`` has the corners ``(x, y)`` and ``(x + 1, y + 1)``.

    Args:
        mask: ``(H, W)``.

    Returns:
        Of each part ``(n, 2)`` corners ``x, y`` in pixels, n at least 3.
    """
    # Each pixel becomes four, of which each lies at one of its corners.
    doubled = cv2.resize(mask.astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [_simplify((contour + 1) // 2) for contour in contours]


def _simplify(corners: MatLike) -> NDArray[np.float64]:
    simple = cv2.approxPolyDP(corners, TOLERANCE, closed=True)
    if cv2.contourArea(simple) == 0:
        # A part that is as narrow as the tolerance keeps its corners.
        simple = cv2.approxPolyDP(corners, 0, closed=True)
    return simple[:, 0].astype(float)

"""Levels of images as a file takes them: 8 bits, and what rounding took from them."""

import numpy as np
from numpy.typing import NDArray

RESIDUAL = 'residual'
"""Name of the input, which is 0 where it is not given, that holds what rounding took."""


def split_levels(image: NDArray) -> dict[str, NDArray]:
    """Return the inputs that hold the levels of an image.

    Args:
        image: Of levels 0 to 255, uint8 or float32.

    Returns:
        ``image`` in uint8, and ``residual`` in float32 if levels may be fractions: their sum is the
        levels, exactly.
    """
    if image.dtype == np.uint8:
        return dict(image=image)
    rounded = np.rint(image)
    return {'image': rounded.astype(np.uint8), RESIDUAL: image - rounded}

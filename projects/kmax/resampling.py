"""Where TensorFlow and Pillow look when they resize to the nearest pixel."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def nearest_index(size: int, new_size: int) -> NDArray[np.int64]:
    """Nearest source pixels along one axis, corners aligned, halves rounded up.

    Args:
        size: Pixels of the source.
        new_size: Pixels of the result.

    Returns:
        ``(new_size,)`` indices below ``size``.
    """
    # TensorFlow multiplies in float32: its products near a half differ from the exact ones.
    scale = np.float32(size - 1) / np.float32(max(new_size - 1, 1))
    position = np.arange(new_size, dtype=np.float32) * scale
    return np.floor(position.astype(np.float64) + 0.5).astype(np.int64).clip(max=size - 1)


def pillow_nearest_index(size: int, new_size: int) -> NDArray[np.int32]:
    """Pixels that Pillow's nearest filter takes along one axis.

    Pillow adds up steps in float64, so that its choice near a pixel's border differs from the
    exact one: it is asked itself.

    Args:
        size: Pixels of the source.
        new_size: Pixels of the result.

    Returns:
        ``(new_size,)`` indices below ``size``.
    """
    line = Image.fromarray(np.arange(size, dtype=np.int32)[None])
    return np.asarray(line.resize((new_size, 1), Image.Resampling.NEAREST))[0]

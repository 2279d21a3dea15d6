"""Resizing as TensorFlow and Pillow do it: pixels, sizes, and where the nearest pixel is."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

EXACT_WARP = int(cv2.__version__.partition('.')[0]) >= 5
"""Earlier ones round positions to 1/32 of a pixel, by which levels change by up to 3."""


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


def fit_into(size: tuple[int, int], crop_size: tuple[int, int]) -> tuple[int, int]:
    """Return the largest size of an image's aspect ratio that fits into a crop.

    The size follows the original system's two steps, each rounded down: up to a size that covers
    the crop, then down to one that fits into it.

    Args:
        size: ``(height, width)`` of the image.
        crop_size: ``(height, width)`` to fit into.
    """
    height, width = size
    crop_height, crop_width = crop_size
    if crop_height * width >= crop_width * height:
        height, width = crop_height, width * crop_height // height
    else:
        height, width = height * crop_width // width, crop_width
    if crop_height * width <= crop_width * height:
        return crop_height, max(width * crop_height // height, 1)
    return max(height * crop_width // width, 1), crop_width


def resize_aligned(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize an image ``(h, w, 3)``, uint8 or float32, bilinearly with aligned corners.

    Returns ``(height, width, 3)`` float32, not rounded; where OpenCV warps exactly a view of an
    array of four channels.
    """
    if not EXACT_WARP:
        return _blend_rows(_blend_rows(image, height, 0), width, 1)
    step_y = (image.shape[0] - 1) / max(height - 1, 1)
    step_x = (image.shape[1] - 1) / max(width - 1, 1)
    # cv2.resize aligns the outer edges of the corner pixels; a warp can align their centres.
    warped = cv2.warpAffine(
        with_fourth_channel(image).astype(np.float32, copy=False),
        np.array([[step_x, 0, 0], [0, step_y, 0]]),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return warped[..., :3]


def _blend_rows(image: np.ndarray, size: int, axis: int) -> np.ndarray:
    old = image.shape[axis]
    place = np.arange(size, dtype=np.float32) * np.float32((old - 1) / max(size - 1, 1))
    before = place.astype(np.int64).clip(max=old - 1)
    share = (place - before.astype(np.float32)).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
    first = image.take(before, axis).astype(np.float32)
    return first + share * (image.take((before + 1).clip(max=old - 1), axis) - first)


def with_fourth_channel(image: np.ndarray) -> np.ndarray:
    """Return an image ``(H, W, 3)`` with a fourth channel of any content, ``(H, W, 4)``.

    OpenCV warps four channels 2.5 times as fast as three. A warped image is a view of the first
    three channels of a larger array: for it that array itself is returned.
    """
    whole = image.base
    if (
        isinstance(whole, np.ndarray)
        and whole.shape == (*image.shape[:2], 4)
        and whole.strides == image.strides
        and whole.ctypes.data == image.ctypes.data
    ):
        return whole
    return cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)

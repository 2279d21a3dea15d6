"""Copies of images and id maps that OpenCV makes several times faster than numpy."""

import cv2
import numpy as np


def with_fourth_channel(image: np.ndarray) -> np.ndarray:
    """Return an image with a fourth channel of any content.

    OpenCV warps four channels 2.5 times as fast as three. A warped image is a view of the first
    three channels of a larger array: for it that array itself is returned.

    Args:
        image: ``(H, W, 3)`` uint8 or float32 image.

    Returns:
        ``(H, W, 4)`` array of the same type.
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


def truncate(image: np.ndarray) -> np.ndarray:
    """Round an image down to uint8.

    Args:
        image: ``(H, W, 3)`` image of values from 0 up to, but not including 256.

    Returns:
        ``(H, W, 3)`` contiguous image; a uint8 image as it is.
    """
    if image.dtype == np.uint8:
        return image
    if image.flags.c_contiguous:
        return image.astype(np.uint8)
    return cv2.cvtColor(with_fourth_channel(image).astype(np.uint8), cv2.COLOR_BGRA2BGR)


def contiguous(array: np.ndarray) -> np.ndarray:
    """Return an array whose elements lie in order, itself if they do.

    Args:
        array: ``(H, W)`` or ``(H, W, C)``; views that are only flipped are copied fast.

    Returns:
        A C-contiguous array of the same content.
    """
    flipped = tuple(axis for axis in (0, 1) if array.strides[axis] < 0)
    upright = np.flip(array, flipped)
    if flipped and upright.flags.c_contiguous:
        return cv2.flip(upright, -1 if len(flipped) == 2 else flipped[0])
    return np.ascontiguousarray(array)


def count_ids(ids: np.ndarray, num_ids: int) -> np.ndarray:
    """Count the pixels of each id.

    Args:
        ids: ``(H, W)`` contiguous int16 map without negative ids, of at most 2^24 pixels.
        num_ids: Number of ids, all of the map below it.

    Returns:
        ``(num_ids,)`` counts.
    """
    counts = cv2.calcHist([ids.view(np.uint16)], [0], None, [num_ids], [0, num_ids])
    return counts.ravel().astype(np.int64)

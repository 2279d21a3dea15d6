"""Copies of images and id maps that OpenCV makes several times faster than numpy."""

import cv2
import numpy as np

from kmax_deeplab.resampling import with_fourth_channel

OF_OPENCV = (np.uint8, np.int16, np.int32, np.float32)
"""Types that its look-up tables keep."""


def truncate(image: np.ndarray) -> np.ndarray:
    """Round an image ``(H, W, 3)`` of values from 0 up to, but not including 256 down to uint8.

    The result is contiguous, but a uint8 image is returned as it is.
    """
    if image.dtype == np.uint8:
        return image
    if image.flags.c_contiguous:
        return image.astype(np.uint8)
    return cv2.cvtColor(with_fourth_channel(image).astype(np.uint8), cv2.COLOR_BGRA2BGR)


def contiguous(array: np.ndarray) -> np.ndarray:
    """Return an array ``(H, W)`` or ``(H, W, C)`` whose elements lie in order, itself if they do.

    Views that are only flipped, or parts of rows, are copied fast.
    """
    flipped = tuple(axis for axis in (0, 1) if array.strides[axis] < 0)
    upright = np.flip(array, flipped)
    if flipped and array.size and upright[0].flags.c_contiguous:
        return cv2.flip(upright, -1 if len(flipped) == 2 else flipped[0])
    return np.ascontiguousarray(array)


def planes(image: np.ndarray) -> np.ndarray:
    """Return an image ``(H, W, C)`` as ``(C, H, W)``, contiguous."""
    result = np.empty((image.shape[2], *image.shape[:2]), image.dtype)
    if image.size:
        cv2.split(contiguous(image), list(result))
    return result


def cover(target: np.ndarray, source: np.ndarray, mask: np.ndarray) -> None:
    """Put the pixels of an image where a uint8 mask ``(H, W)`` is not 0, in place.

    Both images, ``(H, W)`` or ``(H, W, C)``, are contiguous and of one type. As one channel of
    ``W * C`` columns they are masked by vector instructions, which OpenCV has not for three.
    """
    if target.ndim == 3:
        mask = cv2.merge([mask] * target.shape[2])
    columns = mask.reshape(len(mask), -1)
    if source.dtype != target.dtype:
        raise TypeError(f'an image of {source.dtype} cannot be put into one of {target.dtype}')
    cv2.copyTo(source.reshape(columns.shape), columns, target.reshape(columns.shape))


def replace_ids(ids: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a map ``(H, W)`` with other values, ``(n,)``, in the places of its ids 0 ... n - 1."""
    if len(values) > 256 or not ids.size or values.dtype not in OF_OPENCV:
        return values.take(ids)
    table = np.zeros((1, 256), values.dtype)
    table[0, : len(values)] = values
    return cv2.LUT(ids.astype(np.uint8), table)


def take_grid(ids: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return what a map ``(h, w)`` holds at rows ``(H,)`` and columns ``(W,)``, ``(H, W)``."""
    # First the axis after which less is left to do for the other.
    if len(rows) < len(ids):
        return ids.take(rows, 0).take(columns, 1)
    return ids.take(columns, 1).take(rows, 0)


def count_ids(ids: np.ndarray, num_ids: int) -> np.ndarray:
    """Count the pixels of each of ``num_ids`` ids, ``(num_ids,)``.

    The map ``(H, W)`` is contiguous int16, without negative ids, of at most 2^24 pixels.
    """
    counts = cv2.calcHist([ids.view(np.uint16)], [0], None, [num_ids], [0, num_ids])
    return counts.ravel().astype(np.int64)

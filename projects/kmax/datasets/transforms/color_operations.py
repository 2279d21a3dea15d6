"""Colour operations of TensorFlow's AutoAugment, as they come out of TensorFlow.

Each takes and returns an ``(H, W, 3)`` uint8 image; results round down. The order of the channels
matters for :func:`color` alone, which takes BGR.
"""

import cv2
import numpy as np

SMOOTH_KERNEL = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / np.float32(13)
LUMA_BGR = np.array([[0.114, 0.587, 0.2989]], np.float32)
LEVELS = np.arange(256, dtype=np.float32)


def blend(degenerate: np.ndarray, image: np.ndarray, factor: float) -> np.ndarray:
    """Return ``degenerate + factor * (image - degenerate)`` within uint8, rounded down.

    Factor 0 gives the degenerate image, 1 the image, more goes past it.
    """
    # OpenCV rounds to the nearest: half a level less rounds down. The small rest keeps integers,
    # which come out a little too low, from falling.
    return cv2.addWeighted(image, factor, degenerate, 1 - factor, -0.5 + 1e-3)


def _blend_levels(degenerate: float, factor: float) -> np.ndarray:
    """Table of :func:`blend` with one grey level."""
    base = np.float32(degenerate)
    return np.clip(base + np.float32(factor) * (LEVELS - base), 0, 255).astype(np.uint8)


def sharpness(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with the smoothed image, whose outermost pixels are the image's own."""
    smooth = image.copy()
    # In float32 throughout, as TensorFlow: rounding down tells 99.99999 from 100.
    blurred = cv2.filter2D(image.astype(np.float32), -1, SMOOTH_KERNEL)
    smooth[1:-1, 1:-1] = blurred[1:-1, 1:-1]
    return blend(smooth, image, factor)


def brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with black."""
    return cv2.LUT(image, _blend_levels(0, factor))


def contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with a grey level that should be the mean but is not.

    TensorFlow adds up the counts of a histogram instead of the levels: the "mean" is the number of
    pixels over 256, at most white, which images from 256x255 pixels on reach.
    """
    num_pixels = image.shape[0] * image.shape[1]
    return cv2.LUT(image, _blend_levels(int(min(num_pixels / 256, 255)), factor))


def color(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with the greyscale image; ``image`` is BGR."""
    # By way of [0, 1] and back, as tf.image converts.
    unit = image.astype(np.float32) * np.float32(1 / 255)
    grey = cv2.transform(unit, LUMA_BGR) * np.float32(255.5)
    return blend(cv2.cvtColor(grey.astype(np.uint8), cv2.COLOR_GRAY2BGR), image, factor)


def solarize(image: np.ndarray, threshold: int) -> np.ndarray:
    """Invert the levels from the threshold on."""
    levels = np.arange(256)
    return cv2.LUT(image, np.where(levels < threshold, levels, 255 - levels).astype(np.uint8))


def equalize(image: np.ndarray) -> np.ndarray:
    """Spread the levels of each channel so that its histogram becomes flat."""
    tables = [_equalizing_table(image, channel) for channel in range(3)]
    return cv2.LUT(image, np.stack(tables, axis=-1)[None])


def _equalizing_table(image: np.ndarray, channel: int) -> np.ndarray:
    counts = cv2.calcHist([image], [channel], None, [256], [0, 256]).ravel().astype(np.int64)
    step = (counts.sum() - counts[counts > 0][-1]) // 255
    if step == 0:
        return np.arange(256, dtype=np.uint8)
    below = np.cumsum(counts) - counts
    return np.clip((below + step // 2) // step, 0, 255).astype(np.uint8)

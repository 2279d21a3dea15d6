"""Colour jitter of SSD as the PyTorch port applies it."""

import random
from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

BRIGHTNESS_DELTA = 32
CONTRAST_RANGE = SATURATION_RANGE = (0.5, 1.5)
HUE_DELTA = 18
HUES = 180
"""Number of hues in OpenCV's 8-bit HSV."""

ORDERS = (('saturation', 'hue', 'contrast'), ('contrast', 'saturation', 'hue'))


@TRANSFORMS.register_module()
class KMaXColorJitter(BaseTransform):
    """Distort brightness, contrast, saturation and hue, each with probability 1/2.

    Every step rounds down to uint8, through tables of 256 entries; saturation and hue pass through
    OpenCV's 8-bit HSV each on its own. Contrast comes before saturation and hue or after them. All
    is drawn from Python's ``random``, in the port's order: mmdet's and mmseg's
    ``PhotoMetricDistortion`` differ in rounding, range or generator.

    Required and modified key: ``img``, a BGR uint8 image.
    """

    @cache_randomness
    def _draw_steps(self) -> list[tuple[str, float]]:
        """Return the names and amounts of the steps to take, in order."""
        steps = []
        if random.randrange(2):
            steps.append(('brightness', random.uniform(-BRIGHTNESS_DELTA, BRIGHTNESS_DELTA)))
        for name in ORDERS[random.randrange(2)]:
            if random.randrange(2):
                steps.append((name, _draw_amount(name)))
        return steps

    def transform(self, results: dict) -> dict:
        """Distort the colours of the image."""
        results['img'] = distort_colors(results['img'], self._draw_steps())
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def _draw_amount(name: str) -> float:
    if name == 'hue':
        return random.randint(-HUE_DELTA, HUE_DELTA)
    return random.uniform(*(CONTRAST_RANGE if name == 'contrast' else SATURATION_RANGE))


def distort_colors(image: np.ndarray, steps: Sequence[tuple[str, float]]) -> np.ndarray:
    """Apply names and amounts of steps to a BGR uint8 image ``(H, W, 3)``.

    ``brightness`` is added, ``contrast`` and ``saturation`` multiply, ``hue`` turns the colours by
    so many of OpenCV's 180 hues.
    """
    levels = np.arange(256)
    for name, amount in steps:
        if name == 'brightness':
            image = cv2.LUT(image, _to_uint8(levels.astype(np.float32) + np.float32(amount)))
        elif name == 'contrast':
            image = cv2.LUT(image, _to_uint8(levels.astype(np.float32) * np.float32(amount)))
        elif name == 'saturation':
            table = _to_uint8(levels.astype(np.float32) * np.float32(amount))
            image = _map_hsv(image, 1, table)
        else:
            image = _map_hsv(image, 0, ((levels + int(amount)) % HUES).astype(np.uint8))
    return image


def _to_uint8(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)


def _map_hsv(image: np.ndarray, channel: int, table: np.ndarray) -> np.ndarray:
    tables = np.tile(np.arange(256, dtype=np.uint8)[:, None], 3)
    tables[:, channel] = table
    hsv = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_BGR2HSV), tables[None])
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)

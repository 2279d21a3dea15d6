"""How an image comes to the network's input: as the test pipeline of the config brings it."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from PIL import Image

from ..resampling import fit_into, resize_aligned

Size = tuple[int, int]

PILLOW = {
    'nearest': Image.Resampling.NEAREST,
    'bilinear': Image.Resampling.BILINEAR,
    'bicubic': Image.Resampling.BICUBIC,
    'box': Image.Resampling.BOX,
    'lanczos': Image.Resampling.LANCZOS,
    'hamming': Image.Resampling.HAMMING,
}
OPENCV = {
    'nearest': cv2.INTER_NEAREST,
    'bilinear': cv2.INTER_LINEAR,
    'bicubic': cv2.INTER_CUBIC,
    'area': cv2.INTER_AREA,
    'lanczos': cv2.INTER_LANCZOS4,
}


class Resize(Protocol):
    """Brings an image to the size that the network sees."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Resize an image ``(h, w, 3)``, uint8 or float32; the result may be either, too."""


def keep(image: np.ndarray) -> np.ndarray:
    """Leave an image as it is, which pipelines without a step that resizes do."""
    return image


@dataclass(frozen=True)
class FitAligned:
    """Resizes as ``KMaXResize``: to the largest size that fits, corners aligned, not rounded.

    Attributes:
        crop_size: ``(height, width)`` to fit into.
    """

    crop_size: Size

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Resize an image; one that has the size is left as it is."""
        size = fit_into(image.shape[:2], self.crop_size)
        return image if size == image.shape[:2] else resize_aligned(image, *size)


@dataclass(frozen=True)
class Rescale:
    """Resizes as mmdet's ``Resize``, by Pillow or OpenCV.

    Attributes:
        size: ``(height, width)``; with ``keep_ratio`` the long side fits into the longer of these,
            and the short side into the shorter.
        keep_ratio: Whether the aspect ratio stays.
        backend: ``'pillow'`` or ``'cv2'``.
        interpolation: What the backend's filter is called.
    """

    size: Size
    keep_ratio: bool
    backend: str
    interpolation: str

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Resize an image.

        Raises:
            ValueError: If nothing is left of a side, or Pillow is given levels that are fractions.
        """
        height, width = self._target_size(*image.shape[:2])
        if self.backend == 'cv2':
            return cv2.resize(image, (width, height), interpolation=OPENCV[self.interpolation])
        if image.dtype != np.uint8:
            raise ValueError(
                f'an array of {image.dtype} cannot be resized by Pillow, as this model asks for: '
                'convert it to uint8'
            )
        picture = Image.fromarray(image)
        return np.asarray(picture.resize((width, height), PILLOW[self.interpolation]))

    def _target_size(self, height: int, width: int) -> Size:
        if not self.keep_ratio:
            return self.size
        factor = min(max(self.size) / max(height, width), min(self.size) / min(height, width))
        return int(height * factor + 0.5), int(width * factor + 0.5)

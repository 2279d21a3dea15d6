"""What finds segments: a model with its weights, or an exported file."""

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.result import Classes, PanopticResult


class Segmenter(Protocol):
    """What :class:`KMaXInferencer` and :class:`~kmax_deeplab.runtime.PanopticModel` both do.

    Attributes:
        classes: What labels stand for.
    """

    classes: Classes

    def __call__(self, image: Any, /, *, channel_order: Literal['bgr', 'rgb']) -> PanopticResult:
        """Find the segments of a path or of an array."""

    def read(self, image: Any) -> NDArray[np.uint8]:
        """Return the pixels of an image as it is shown, RGB ``(H, W, 3)``."""

    def input_side(self) -> int | None:
        """Return the shorter side of the network's input; None if any size is taken."""

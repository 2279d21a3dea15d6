"""The k-means assignment of pixels to cluster centres, as a picture."""

import cv2
import numpy as np

from .colors import cluster_palette

FILL = 0.8


def upsample_nearest(
    assignment: np.ndarray, padded_shape: tuple[int, int], image_shape: tuple[int, int]
) -> np.ndarray:
    """Bring an assignment ``(h, w)`` to the size of the padded input and cut the padding off.

    Pixel centres of the corners coincide, as everywhere in the model; shapes are height and width.
    """
    rows, columns = (
        np.rint(np.arange(kept) * (source - 1) / max(padded - 1, 1)).astype(int)
        for kept, source, padded in zip(image_shape, assignment.shape, padded_shape, strict=True)
    )
    return assignment[rows[:, None], columns]


def draw_clusters(image: np.ndarray, assignment: np.ndarray, num_clusters: int) -> np.ndarray:
    """Paint pixels ``(h, w)`` in the colour of their centre over an RGB image ``(H, W, 3)``."""
    size = (image.shape[1], image.shape[0])
    index = cv2.resize(assignment.astype(np.int32), size, interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    colors = cluster_palette(num_clusters)[index]
    return np.rint(FILL * colors + (1 - FILL) * grey).astype(np.uint8)

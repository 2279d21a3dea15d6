"""The k-means assignment of pixels to cluster centres, as a picture."""

import cv2
import numpy as np
from torch import Tensor

from .colors import cluster_palette

FILL = 0.8


def assign_pixels(mask_logits: Tensor) -> np.ndarray:
    """Return the ``(h, w)`` cluster centre of each pixel of one image (kMaX-DeepLab, equation 5).

    Args:
        mask_logits: ``(N, h, w)`` affinity of each pixel to each centre.
    """
    return mask_logits.argmax(0).cpu().numpy()


def upsample_nearest(
    assignment: np.ndarray, padded_shape: tuple[int, int], image_shape: tuple[int, int]
) -> np.ndarray:
    """Bring an assignment to the resolution of the padded input and cut the padding off.

    Pixel centres of the corners coincide, as everywhere in the model.

    Args:
        assignment: ``(h, w)`` integers.
        padded_shape: Height and width of the model's input.
        image_shape: Height and width of the image in its top left corner.

    Returns:
        An array of ``image_shape``.
    """
    rows, columns = (
        np.rint(np.arange(kept) * (source - 1) / (padded - 1)).astype(int)
        for kept, source, padded in zip(image_shape, assignment.shape, padded_shape, strict=True)
    )
    return assignment[rows[:, None], columns]


def draw_clusters(image: np.ndarray, assignment: np.ndarray, num_clusters: int) -> np.ndarray:
    """Paint each pixel in the colour of its cluster centre over a grey image.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        assignment: ``(h, w)`` cluster centre of each pixel, resized to the image.
        num_clusters: Number of cluster centres, whose colours never change.
    """
    size = (image.shape[1], image.shape[0])
    index = cv2.resize(assignment.astype(np.int32), size, interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    colors = cluster_palette(num_clusters)[index]
    return np.rint(FILL * colors + (1 - FILL) * grey).astype(np.uint8)

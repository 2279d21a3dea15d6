"""Segments of an image, ready to be drawn."""

from dataclasses import dataclass

import cv2
import numpy as np

from ..panoptic_values import INSTANCE_OFFSET


@dataclass
class Segments:
    """The segments of one image.

    Attributes:
        ids: ``(H, W)`` int32, 0 = void, ``k > 0`` = k-th entry of ``labels``.
        labels: Class of each segment.
    """

    ids: np.ndarray
    labels: list[int]

    @classmethod
    def from_panoptic(cls, panoptic: np.ndarray, num_classes: int) -> 'Segments':
        """Read a ``(H, W)`` map of ``label + instance * INSTANCE_OFFSET``.

        Labels from ``num_classes`` on are void.
        """
        values, inverse = np.unique(panoptic, return_inverse=True)
        labels = values % INSTANCE_OFFSET
        known = labels < num_classes
        renumber = np.where(known, np.cumsum(known), 0).astype(np.int32)
        return cls(renumber[inverse.reshape(panoptic.shape)], labels[known].tolist())

    def to_panoptic(self, num_classes: int) -> np.ndarray:
        """Return the ``(H, W)`` int32 map that :meth:`from_panoptic` reads."""
        values = [label + row * INSTANCE_OFFSET for row, label in enumerate(self.labels, start=1)]
        return np.array([num_classes, *values], dtype=np.int32)[self.ids]

    def resize(self, shape: tuple[int, int]) -> 'Segments':
        """Return the segments at another ``(height, width)``, nearest neighbour."""
        if self.ids.shape == shape:
            return self
        size = (shape[1], shape[0])
        ids = cv2.resize(self.ids.astype(np.int32), size, interpolation=cv2.INTER_NEAREST)
        return Segments(ids, self.labels)

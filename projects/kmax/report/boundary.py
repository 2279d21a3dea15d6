"""Boundary quality: Boundary IoU and Boundary PQ (Cheng et al., CVPR 2021, arXiv 2103.16562).

A segment's boundary is its pixels within 2 % of the image's diagonal of one that is not its own, or
of the image's border. Boundary IoU is the IoU of boundaries; for Boundary PQ the smaller of it and
the IoU of the segments takes the place of the latter.
"""

import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.id_runs import count_overlaps, find_runs
from kmax_deeplab.pictures.drawing import find_contours

from ..void import VOID_ID

WIDTH = 0.02
"""Of the boundary, as a share of the image's diagonal."""
INTERIOR = 2**31 - 1
"""Stands for what is no boundary; no id is as large."""


class BoundaryIoU:
    """Compares the boundaries of the segments of an image.

    Args:
        gt: Annotated ids ``(H, W)``.
        pred: Predicted ids ``(H, W)``, none negative.
    """

    def __init__(self, gt: NDArray[np.integer], pred: NDArray[np.integer]) -> None:
        gt, pred = _keep_boundary(gt, keeps_void=True), _keep_boundary(pred, keeps_void=False)
        self._overlaps = count_overlaps(gt, pred)
        self._areas: tuple[dict[int, int], dict[int, int]] = {}, {}
        for pair, pixels in self._overlaps.items():
            for areas, value in zip(self._areas, pair, strict=True):
                areas[value] = areas.get(value, 0) + pixels

    def refine(self, gt_id: int, pred_id: int, iou: float) -> float:
        """Return the smaller of a pair's IoU and Boundary IoU, without void pixels as in PQ."""
        gt_areas, pred_areas = self._areas
        common = self._overlaps.get((gt_id, pred_id), 0)
        union = gt_areas.get(gt_id, 0) + pred_areas.get(pred_id, 0) - common
        union -= self._overlaps.get((VOID_ID, pred_id), 0)
        return min(iou, common / union)


def boundary_width(height: int, width: int) -> int:
    """Return the width of boundaries in pixels for images of a size."""
    return max(1, round(WIDTH * float(np.hypot(height, width))))


def _keep_boundary(ids: NDArray[np.integer], keeps_void: bool) -> NDArray[np.integer]:
    """Return a map of ids ``(H, W)`` with ``INTERIOR`` inside of segments.

    Annotated void is no segment, and remains whole.
    """
    runs = find_runs(ids)
    # Bytes are compared with their neighbours several times faster.
    kind = np.uint8 if len(runs.ids) < 256 else np.int32
    numbers = runs.replace_ids(np.arange(1, len(runs.ids) + 1, dtype=kind))
    near = find_contours(np.pad(numbers, 1), boundary_width(*ids.shape))[1:-1, 1:-1]
    if keeps_void:
        near |= ids == VOID_ID
    return np.where(near, ids, ids.dtype.type(INTERIOR))

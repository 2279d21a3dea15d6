"""Boundary IoU of whole maps against its definition for one segment after the other."""

import cv2
import numpy as np
import pytest

from projects.kmax.report.boundary import BoundaryIoU


def blobs(rng, shape, count):
    """Return a map of ``count`` ids, void 0 among them, in blobs."""
    noise = rng.normal(size=(count, *shape)).astype(np.float32)
    smooth = np.stack([cv2.GaussianBlur(each, (0, 0), 0.06 * max(shape)) for each in noise])
    return smooth.argmax(0)


def boundary_of(mask):
    """The paper's: what a square of the boundary's width, begun at the border too, erodes."""
    width = max(1, round(0.02 * np.hypot(*mask.shape)))
    padded = np.pad(mask.astype(np.uint8), 1)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)
    return mask & (eroded[1:-1, 1:-1] == 0)


@pytest.mark.parametrize('shape', [(9, 7), (61, 80), (200, 150)])
@pytest.mark.parametrize('count', [3, 300])
def test_equals_the_definition(shape, count):
    rng = np.random.default_rng(count)
    gt, pred = blobs(rng, shape, count), blobs(rng, shape, count)
    # Alike enough that boundaries meet.
    pred[: shape[0] // 2] = gt[: shape[0] // 2]
    found = BoundaryIoU(gt, pred)
    common = {(g, p) for g, p in zip(gt.ravel().tolist(), pred.ravel().tolist(), strict=True) if g}
    for gt_id, pred_id in sorted(common)[:40]:
        one, other = boundary_of(gt == gt_id), boundary_of(pred == pred_id)
        union = (one | other).sum() - (other & (gt == 0)).sum()
        assert found.refine(gt_id, pred_id, 1) == pytest.approx((one & other).sum() / union)


def test_the_smaller_counts():
    gt = np.ones((40, 40), int)
    assert BoundaryIoU(gt, gt).refine(1, 1, 0.75) == 0.75
    pred = gt.copy()
    pred[1:-1, 1:-1] = np.where(np.indices((38, 38)).sum(0) % 2, 1, 2)
    assert BoundaryIoU(gt, pred).refine(1, 1, 0.75) < 0.75

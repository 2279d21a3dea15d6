"""Polygons around masks, filled as pycocotools does, which CVAT's exports use."""

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from projects.kmax.integrations.outlines import trace_outlines

SQUARE = np.ones((3, 3), np.uint8)


def fill(outlines, shape):
    polygons = [outline.ravel().tolist() for outline in outlines]
    return coco.decode(coco.merge(coco.frPyObjects(polygons, *shape))).astype(bool)


@pytest.mark.parametrize(
    'boxes',
    [
        [(0, 0, 90, 70)],
        [(10, 20, 31, 45), (40, 50, 41, 51), (60, 5, 61, 40), (70, 60, 90, 70)],
        [(20, 20, 40, 30), (20, 30, 25, 50)],
    ],
    ids=['whole image', 'parts, one pixel and a line', 'L'],
)
def test_corners_are_exact(boxes):
    mask = np.zeros((70, 90), bool)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = True
    outlines = trace_outlines(mask)
    assert np.array_equal(fill(outlines, mask.shape), mask)
    assert all(len(outline) in (4, 6) for outline in outlines)


def test_slanted_boundaries_move_by_a_pixel():
    noise = np.random.default_rng(0).normal(size=(120, 160))
    mask = cv2.GaussianBlur(noise, None, 5) > 0.01
    outlines = trace_outlines(mask)
    filled = np.zeros_like(mask)
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    filled = cv2.drawContours(filled.astype(np.uint8), contours, -1, 1, cv2.FILLED)
    drawn = fill(outlines, mask.shape)
    assert not (drawn & ~cv2.dilate(filled, SQUARE).astype(bool)).any()
    assert not (cv2.erode(filled, SQUARE).astype(bool) & ~drawn).any()
    assert sum(map(len, outlines)) < sum(map(len, contours)) / 2


def test_holes_are_filled_and_nothing_has_no_outline():
    ring = np.zeros((30, 30), bool)
    ring[5:25, 5:25] = True
    ring[10:20, 10:20] = False
    [outline] = trace_outlines(ring)
    assert fill([outline], ring.shape).sum() == 400
    assert trace_outlines(np.zeros((30, 30), bool)) == []

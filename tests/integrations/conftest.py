"""A result with three segments of which one lies in another, for both annotators' tools."""

import numpy as np
import pytest

from kmax_deeplab.result import Classes, PanopticResult


@pytest.fixture(scope='session')
def classes():
    return Classes(('box', 'ball & "co"', 'sky'), 2, palette=[(255, 0, 16), (0, 9, 9), (9, 0, 9)])


@pytest.fixture
def result(classes):
    """Sky with a box in it, the box with another, and void; scores 0.5, 0.75 and 1."""
    panoptic = np.full((37, 53), 3)
    panoptic[:20] = 2
    panoptic[5:15, 10:30] = 0
    panoptic[8:12, 15:20] = 1000
    scores = np.select([panoptic == 2, panoptic == 0], [0.5, 0.75], 1.0)
    return PanopticResult.from_panoptic(panoptic, classes, [scores])

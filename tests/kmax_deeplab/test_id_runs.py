"""Areas and boxes of all segments in one pass, as OpenCV finds them one by one."""

import cv2
import numpy as np
import pytest

from kmax_deeplab.id_runs import find_runs
from projects.kmax.panoptic.files import MAX_ID


@pytest.mark.parametrize('shape', [(1, 1), (1, 7), (9, 1), (40, 60)], ids=str)
@pytest.mark.parametrize('kind', [np.uint16, np.uint32, np.int64])
def test_each_segment_is_described(shape, kind):
    rng = np.random.default_rng(len(shape) + shape[0])
    ids = rng.choice(np.array([0, 3, 500, 65535], kind), shape)
    ids[: shape[0] // 2, shape[1] // 3 :] = 9
    expected = {}
    for value in np.unique(ids).tolist():
        mask = (ids == value).astype(np.uint8)
        expected[value] = dict(area=int(mask.sum()), bbox=list(cv2.boundingRect(mask)))
    assert find_runs(ids).describe() == expected


def test_a_run_over_the_end_of_a_row_spans_it():
    ids = np.array([[0, 0, MAX_ID], [MAX_ID, 0, 0]])
    assert find_runs(ids).describe() == {
        0: dict(area=4, bbox=[0, 0, 3, 2]),
        MAX_ID: dict(area=2, bbox=[0, 0, 3, 2]),
    }


def test_more_ids_than_sixteen_bits_number():
    ids = np.random.default_rng(0).permutation(300 * 300).reshape(300, 300) // 4 * 3
    described = find_runs(ids).describe()
    assert len(described) == 300 * 300 // 4
    for value in (0, 3 * 70, 3 * (2**14 + 1)):
        mask = (ids == value).astype(np.uint8)
        assert described[value] == dict(area=4, bbox=list(cv2.boundingRect(mask)))


def test_no_pixels():
    assert find_runs(np.zeros((0, 4), int)).describe() == {}

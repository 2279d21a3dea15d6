"""The nearest source pixel, as TensorFlow computes it."""

import numpy as np
import pytest

from kmax_deeplab.resampling import nearest_index


@pytest.mark.parametrize('case', ['0.4', '0.7', '1.3', '1.7'])
def test_equals_the_original(oracle, case):
    with np.load(oracle('tf/tf_preprocess.npz')) as arrays:
        label, expected = arrays['label'][..., 0], arrays[f'scale/{case}/label'][..., 0]
    rows, columns = (
        nearest_index(size, new_size)
        for size, new_size in zip(label.shape, expected.shape, strict=True)
    )
    np.testing.assert_array_equal(label[rows][:, columns], expected)


@pytest.mark.parametrize(
    ('size', 'new_size', 'expected'),
    [(5, 3, [0, 2, 4]), (2, 3, [0, 1, 1]), (5, 1, [0]), (1, 4, [0] * 4), (3, 3, [0, 1, 2])],
)
def test_corners_are_aligned_and_halves_rounded_up(size, new_size, expected):
    assert nearest_index(size, new_size).tolist() == expected


def test_every_index_is_within_the_source():
    for size in range(1, 60):
        for new_size in range(2, 90):
            index = nearest_index(size, new_size)
            assert index[0] == 0 and index[-1] == size - 1 and (np.diff(index) >= 0).all()

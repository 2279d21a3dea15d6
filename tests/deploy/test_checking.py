"""What the comparison of an exported file with its model takes for equal."""

import numpy as np
import pytest

from projects.kmax.commands import export
from projects.kmax.deploy.checking import Comparison, PaddedImage, number_alike

VOID = 5


def compared(found, expected):
    comparison = Comparison('engine')
    comparison.add(np.array(found), np.array(expected), VOID)
    return comparison


def test_numbers_of_instances_do_not_count():
    comparison = compared([[2001, 1001, 1001, 3, VOID]], [[1001, 2001, 2001, 3, VOID]])
    assert comparison.share == 1
    assert (comparison.segments, comparison.same_segments) == ([3], 1)
    comparison.add(np.array([[3, VOID]]), np.array([[3, VOID]]), VOID)
    assert comparison.renumbered == 1
    line = describe(comparison, seconds=0.5)
    assert 'same segments on 2 of 2 images (4 segments, numbered otherwise on 1 of them)' in line


def describe(comparison, seconds):
    """Return the line of the command, as if it had taken as many seconds."""
    comparison.seconds = comparison.eager_seconds = [seconds]
    return export._describe(comparison)


@pytest.mark.parametrize(
    ('found', 'expected', 'share', 'same'),
    [
        # Another class, void, a part of another segment, two segments that are one.
        ([[1002, 1002, 3, 3]], [[1001, 1001, 3, 3]], 0.5, 0),
        ([[VOID, VOID, 3, 3]], [[1001, 1001, 3, 3]], 0.5, 0),
        ([[1001, 1001, 1001, 3]], [[1001, 1001, 3, 3]], 0.75, 1),
        ([[1001, 1001, 1001, 2001]], [[1001, 1001, 1001, 1001]], 0.75, 0),
    ],
)
def test_other_pixels_do(found, expected, share, same):
    comparison = compared(found, expected)
    assert comparison.share == share
    assert comparison.same_segments == same


def test_no_two_segments_get_one_number():
    found, expected = np.array([[1001, 1001, 2001]]), np.array([[1001, 1001, 1001]])
    assert number_alike(found, expected).tolist() == [[1001, 1001, 2001]]


def test_levels_are_rounded_and_padded():
    image = PaddedImage.pad(np.full((2, 3, 3), 9.6), (4, 5), 'image')
    assert (image.pixels.shape, image.content) == ((1, 4, 5, 3), (2, 3))
    assert (image.pixels[0, :2, :3] == 10).all()
    assert image.pixels.sum() == 10 * 2 * 3 * 3
    assert image.inputs.keys() == {'image', 'content'}


def test_fractions_are_kept_beside_the_rounded_levels():
    levels = np.array([[[0.25, 9.5, 254.75]]], np.float32)
    inputs = PaddedImage.pad(levels, (2, 2), 'image', fractions=True).inputs
    assert inputs['image'].dtype == np.uint8 and inputs['residual'].dtype == np.float32
    assert np.array_equal((inputs['image'] + inputs['residual'])[0, :1, :1], levels)
    assert inputs['image'].sum() == 0 + 10 + 255


def test_larger_images_are_refused_by_name():
    with pytest.raises(ValueError, match='photo is 6x3 .* more than the input of 4x5: give --size'):
        PaddedImage.pad(np.zeros((6, 3, 3), np.uint8), (4, 5), 'photo')

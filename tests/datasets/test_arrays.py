"""Fast copies give what plain numpy gives."""

import numpy as np
import pytest
from PIL import Image

from kmax_deeplab.resampling import EXACT_WARP
from projects.kmax.datasets.transforms.arrays import (
    contiguous,
    count_ids,
    cover,
    planes,
    replace_ids,
    take_grid,
    truncate,
    with_fourth_channel,
)
from projects.kmax.datasets.transforms.resize import resize_bilinear

IMAGE = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
VIEWS = {
    'upright': lambda array: array,
    'horizontal': lambda array: array[:, ::-1],
    'vertical': lambda array: array[::-1],
    'diagonal': lambda array: array[::-1, ::-1],
    'window': lambda array: array[1:-1, 2:],
    'flipped window': lambda array: array[1:-1, 2:][:, ::-1],
    'transposed': lambda array: array.swapaxes(0, 1),
}


@pytest.mark.parametrize('dtype', [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize('channels', [3, None])
@pytest.mark.parametrize('view', VIEWS.values(), ids=VIEWS)
def test_contiguous_keeps_the_content(view, channels, dtype):
    array = view((IMAGE if channels else IMAGE[..., 0].copy()).astype(dtype))
    result = contiguous(array)
    assert result.flags.c_contiguous and result.dtype == dtype
    np.testing.assert_array_equal(result, array)


def test_contiguous_arrays_are_not_copied():
    assert contiguous(IMAGE) is IMAGE


@pytest.mark.skipif(not EXACT_WARP, reason='OpenCV before 5 does not resize by warping')
def test_warped_images_are_not_copied_for_the_fourth_channel():
    warped = resize_bilinear(IMAGE, 20, 30)
    assert warped.base is with_fourth_channel(warped)


@pytest.mark.parametrize('view', VIEWS.values(), ids=VIEWS)
def test_fourth_channel_keeps_the_others(view):
    """Whatever part of an array of four channels an image is."""
    whole = np.full((7, 9, 4), 1000, np.float32)
    whole[..., :3] = IMAGE
    for image in (view(whole[..., :3]), view(whole[..., 1:]), view(IMAGE)):
        result = with_fourth_channel(image)
        assert result.shape == (*image.shape[:2], 4)
        np.testing.assert_array_equal(result[..., :3], image)


def test_fourth_channel_of_memory_that_is_no_array():
    image = np.frombuffer(IMAGE.tobytes(), np.uint8).reshape(IMAGE.shape)
    for read_only in (image, np.asarray(Image.fromarray(IMAGE))):
        np.testing.assert_array_equal(with_fourth_channel(read_only)[..., :3], IMAGE)


@pytest.mark.parametrize('view', VIEWS.values(), ids=VIEWS)
def test_truncation_rounds_down(view):
    levels = np.linspace(0, 255.99, 20 * 30 * 3, dtype=np.float32).reshape(20, 30, 3)
    image = view(resize_bilinear(levels, 20, 30))
    result = truncate(image)
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, np.floor(image))
    np.testing.assert_array_equal(truncate(image.copy()), np.floor(image))
    assert truncate(IMAGE) is IMAGE


@pytest.mark.parametrize('num_ids', [1, 3, 300, 30000])
def test_ids_are_counted(num_ids):
    ids = np.random.default_rng(0).integers(0, num_ids, (40, 50)).astype(np.int16)
    expected = np.bincount(ids.ravel(), minlength=num_ids)
    np.testing.assert_array_equal(count_ids(ids, num_ids), expected)


@pytest.mark.parametrize('view', VIEWS.values(), ids=VIEWS)
def test_planes_are_the_channels(view):
    image = view(IMAGE)
    assert (planes(image) == image.transpose(2, 0, 1)).all()


def test_planes_of_nothing():
    assert planes(np.zeros((0, 4, 3))).shape == (3, 0, 4)


@pytest.mark.parametrize('kind', [(np.float32, (9, 11, 3)), (np.int16, (9, 11))])
def test_cover_replaces_masked_pixels(kind):
    dtype, shape = kind
    rng = np.random.default_rng(0)
    target, source = rng.integers(0, 256, (2, *shape)).astype(dtype)
    mask = rng.integers(0, 2, (9, 11), np.uint8)
    expected = target.copy()
    expected[mask > 0] = source[mask > 0]
    cover(target, source, mask)
    assert (target == expected).all()


@pytest.mark.parametrize('count', [1, 256, 257])
def test_ids_are_replaced(count):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, count, (9, 11)).astype(np.int16)
    values = rng.integers(-9, 2**15, count).astype(np.int16)
    found = replace_ids(ids, values)
    assert found.dtype == np.int16 and (found == values[ids]).all()


@pytest.mark.parametrize('size', [(3, 20), (20, 3), (9, 11)])
def test_grid_is_taken(size):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 99, (9, 11))
    rows, columns = rng.integers(0, 9, size[0]), rng.integers(0, 11, size[1])
    assert (take_grid(ids, rows, columns) == ids[rows][:, columns]).all()

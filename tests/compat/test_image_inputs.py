import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from projects.kmax.datasets.given_images import as_image

BGR = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = BGR[..., 0]


def encoded(image, kind='PNG'):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    'given',
    [
        BGR,
        np.dstack([BGR, GREY]),
        BGR.astype(np.float32),
        BGR.astype(np.float64),
        Image.fromarray(BGR[..., ::-1]),
        Image.fromarray(np.dstack([BGR[..., ::-1], GREY])),
        encoded(Image.fromarray(BGR[..., ::-1])),
        bytearray(encoded(Image.fromarray(BGR[..., ::-1]))),
    ],
)
def test_images_become_bgr(given):
    image = as_image(given)
    assert image.dtype in (np.uint8, np.float32)
    np.testing.assert_array_equal(image, BGR)


@pytest.mark.parametrize('given', [GREY, GREY[..., None], Image.fromarray(GREY)])
def test_grey_becomes_three_equal_channels(given):
    np.testing.assert_array_equal(as_image(given), np.dstack([GREY] * 3))


def test_pil_images_are_turned_as_files_are():
    image = Image.fromarray(BGR[..., ::-1])
    image.getexif()[0x0112] = 6
    assert as_image(image).shape == (7, 5, 3)


def test_paths_become_strings():
    assert as_image(Path('a/b.png')) == 'a/b.png'
    assert as_image('https://x/b.png') == 'https://x/b.png'


@pytest.mark.parametrize(
    ('given', 'error', 'message'),
    [
        (None, TypeError, 'an image of type NoneType'),
        (3, TypeError, 'an image of type int'),
        (BGR.astype(np.uint16), TypeError, 'an array of type uint16'),
        (BGR.astype(np.int64), TypeError, 'an array of type int64'),
        (BGR > 100, TypeError, 'an array of type bool'),
        (BGR.astype(object), TypeError, 'an array of type object'),
        (BGR / 255, ValueError, 'levels 0 ... 0.9[0-9]*, expected are 0 ... 255'),
        (BGR - 200.0, ValueError, 'levels -200'),
        (BGR * np.float32('nan'), ValueError, 'levels nan ... nan'),
        (BGR[:0], ValueError, r'shape \(0, 7, 3\) is empty'),
        (BGR[:, :0], ValueError, r'shape \(5, 0, 3\) is empty'),
        (BGR[..., :2], ValueError, r'shape \(5, 7, 2\) .* 3 channels'),
        (BGR.transpose(2, 0, 1), ValueError, r'shape \(3, 5, 7\) .* 3 channels'),
        (BGR[None], ValueError, r'shape \(1, 5, 7, 3\)'),
        (BGR[0, 0], ValueError, r'shape \(3,\)'),
        (b'', ValueError, '0 bytes'),
        (b'no image', ValueError, '8 bytes were given'),
        (Image.new('I;16', (3, 3)), TypeError, 'mode I;16'),
        (Image.new('F', (3, 3)), TypeError, 'mode F'),
    ],
)
def test_what_is_no_image_is_refused(given, error, message):
    with pytest.raises(error, match=message) as caught:
        as_image(given)
    assert '\n' not in str(caught.value)

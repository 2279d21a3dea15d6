"""The fast decoder of panoptic PNGs and OpenCV's give and refuse the same."""

import struct

import cv2
import numpy as np
import pytest

from projects.kmax.panoptic import png_decoding
from projects.kmax.panoptic.png_decoding import decode_colors


def encode(shape, flags=()):
    """Return a PNG of a few large areas and some noise, of three channels unless shape has more."""
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, (4, 5, shape[2]), np.uint8).repeat(9, 0).repeat(11, 1)
    colors[5:9, 7:30] = rng.integers(0, 256, (4, 23, shape[2]))
    colors = colors[: shape[0], : shape[1]]
    return colors, cv2.imencode('.png', colors, flags)[1].tobytes()


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(png_decoding, 'decode_image_png_u8', None)


@pytest.fixture
def fast():
    pytest.importorskip('kornia_rs', reason='kornia-rs is not installed')


FILTERS = ('NONE', 'SUB', 'UP', 'AVG', 'PAETH')


@pytest.mark.skipif(
    not hasattr(cv2, 'IMWRITE_PNG_FILTER'), reason='OpenCV before 4.12 writes one kind of PNG'
)
@pytest.mark.parametrize('kind', FILTERS)
@pytest.mark.parametrize('decoder', ['fast', 'slow'])
def test_pixels(kind, decoder, request):
    request.getfixturevalue(decoder)
    flags = [cv2.IMWRITE_PNG_FILTER, getattr(cv2, f'IMWRITE_PNG_FILTER_{kind}')]
    colors, content = encode((31, 47, 3), flags)
    found = decode_colors(content, 'it')
    assert (found[..., 2::-1] == colors).all() and found.shape == (31, 47, 4)


def test_transparency_is_left_out():
    colors, content = encode((31, 47, 4))
    assert (decode_colors(content, 'it')[..., 2::-1] == colors[..., :3]).all()


def outcome(content):
    try:
        return decode_colors(content, 'it')[..., :3].tolist()
    except ValueError as error:
        return str(error)


def test_damage_is_judged_alike(fast, monkeypatch):
    """Of each byte one bit is changed, and the file cut there."""
    _, content = encode((9, 12, 3))
    damaged = []
    # Sizes other than the true one are bounded before.
    for place in [*range(8), *range(24, len(content))]:
        other = bytes([content[place] ^ 1 << place % 8])
        damaged += [content[:place] + other + content[place + 1 :], content[:place]]
    found = [outcome(each) for each in damaged]
    monkeypatch.setattr(png_decoding, 'decode_image_png_u8', None)
    assert found == [outcome(each) for each in damaged]


def test_a_map_without_colours_is_refused():
    grey = cv2.imencode('.png', np.zeros((3, 4), np.uint16))[1].tobytes()
    assert struct.unpack('>II', grey[png_decoding.SIZE]) == (4, 3)
    with pytest.raises(ValueError, match='it must have three channels of 8 bits, but has 1 of'):
        decode_colors(grey, 'it')

"""What may be uploaded: whatever else is sent gets a sentence."""

import struct
import zlib

import numpy as np
import pytest
from made_images import encode, noise
from PIL import Image

from projects.kmax.app.uploads import LARGEST_SEEN, LARGEST_SHOWN, Limits, read_upload, seen, shown

LIMITS = Limits(megapixels=50, megabytes=1)


def claim(width, height):
    """Return a PNG of few bytes that says it has so many pixels."""

    def chunk(kind, content):
        checksum = struct.pack('>I', zlib.crc32(kind + content))
        return struct.pack('>I', len(content)) + kind + content + checksum

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b'IHDR', header), chunk(b'IDAT', zlib.compress(b'')), chunk(b'IEND', b''))
    return b'\x89PNG\r\n\x1a\n' + b''.join(parts)


def read(image, kind='PNG', **options):
    return read_upload(encode(image, kind, **options), LIMITS)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'The file is not an image: choose a JPEG, PNG, WebP, TIFF, BMP or GIF.'),
        (b'no picture', 'The file is not an image'),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 'The file is not an image'),
        (b'%!PS-Adobe-3.0 EPSF-3.0\n', 'The file is not an image'),
        (encode(noise(60, 40))[:200], 'The image is damaged'),
        (encode(noise(60, 40))[:20], 'The image is damaged|The file is not an image'),
        (claim(7072, 7072), '7072 × 7072 pixels, the limit is 50 million: make it smaller'),
        (claim(60000, 60000), 'more than 50 million pixels: make it smaller'),
        (claim(4, 4), 'The image is damaged'),
        (bytes(1_100_000), '1.1 MB, the limit is 1 MB: save it smaller'),
    ],
)
def test_refuses_in_a_sentence(content, message):
    with pytest.raises(ValueError, match=message):
        read_upload(content, LIMITS)


def test_a_float_image_is_refused():
    with pytest.raises(ValueError, match='save it as an ordinary PNG or JPEG'):
        read(noise(30, 20).convert('F'), 'TIFF')


@pytest.mark.parametrize(
    ('image', 'kind'),
    [
        (noise(30, 20), 'JPEG'),
        (noise(30, 20).convert('CMYK'), 'JPEG'),
        (noise(30, 20).convert('RGBA'), 'PNG'),
        (noise(30, 20).convert('L'), 'PNG'),
        (noise(30, 20).convert('P'), 'PNG'),
        (noise(30, 20), 'WEBP'),
        (noise(30, 20), 'GIF'),
        (noise(30, 20), 'BMP'),
        (noise(30, 20), 'TIFF'),
        (Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100), 'PNG'),
    ],
)
def test_reads_as_colours(image, kind):
    upload = read(image, kind)
    assert upload.pixels.shape == (20, 30, 3) and upload.pixels.dtype == np.uint8
    assert upload.pixels.std() > 10 and upload.note == ''


def test_of_an_animation_the_first_frame_is_read():
    first, second = Image.new('RGB', (8, 8), 'white'), Image.new('RGB', (8, 8), 'black')
    upload = read(first, 'GIF', save_all=True, append_images=[second])
    assert upload.pixels.min() == 255
    assert upload.note == 'Only the first of 2 frames or pages is used.'


def test_turns_as_the_exif_tag_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read(noise(30, 20), 'JPEG', exif=exif).pixels.shape == (30, 20, 3)


@pytest.mark.parametrize(
    ('size', 'expected'),
    [((1, 1), (512, 512)), ((3000, 1500), (1024, 512)), ((1, 4000), (1, 1024))],
)
def test_shows_in_a_size_that_can_be_seen(size, expected):
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[..., 0] = 9
    image = shown(pixels)
    assert image.shape[1::-1] == expected and max(expected) <= LARGEST_SHOWN
    assert image[0, 0].tolist() == [0, 0, 9]


@pytest.mark.parametrize(('width', 'height'), [(4 * LARGEST_SEEN, 4), (LARGEST_SEEN, 90)])
def test_networks_see_no_more_than_they_can(width, height):
    assert seen(np.zeros((height, width, 3), np.uint8)).shape[1] == LARGEST_SEEN

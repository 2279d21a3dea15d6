"""What would hang or fill the memory is refused before it is read."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import os
import struct
import zlib

import numpy as np
import pytest

from projects.kmax.panoptic.files import read_panoptic_png, write_panoptic_png
from kmax_deeplab.local_files import MAX_PIXELS, check_image


def _chunk(kind, content):
    sum_ = struct.pack('>I', zlib.crc32(kind + content))
    return struct.pack('>I', len(content)) + kind + content + sum_


def _write_bomb(path):
    """Write a PNG of few bytes that claims 100000 pixels a side."""
    header = struct.pack('>IIBBBBB', 100_000, 100_000, 8, 2, 0, 0, 0)
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + _chunk(b'IHDR', header) + _chunk(b'IEND', b''))


SPECIAL = {
    'folder': (os.mkdir, 'is a folder, not a file'),
    'pipe': (os.mkfifo, 'is a named pipe, not a file'),
    'device': (lambda path: path.symlink_to('/dev/zero'), 'is a device, not a file'),
    'bomb': (_write_bomb, f'is 100000x100000 pixels, more than the {MAX_PIXELS}'),
}


@pytest.mark.parametrize('kind', SPECIAL)
def test_special_files_are_no_images(kind, tmp_path):
    make, message = SPECIAL[kind]
    path = tmp_path / 'a.png'
    make(path)
    with pytest.raises(OSError, match=f'^{path} {message}'):
        check_image(path)
    with pytest.raises(ValueError, match=f'^panoptic PNG {path} of image 1 cannot be .*{message}'):
        read_panoptic_png(path, 'image 1')


def test_links_without_end_are_no_png(tmp_path):
    (tmp_path / 'a.png').symlink_to(tmp_path / 'a.png')
    with pytest.raises(ValueError, match=r'a.png of image 1 cannot be read: .*symbolic links'):
        read_panoptic_png(tmp_path / 'a.png', 'image 1')


def test_files_and_links_to_them_pass_and_what_is_missing_is_left_to_its_reader(tmp_path):
    write_panoptic_png(tmp_path / 'a.png', np.ones((2, 3), int))
    (tmp_path / 'b.png').symlink_to('a.png')
    for name in ('a.png', 'b.png', 'c.png'):
        check_image(tmp_path / name)
    check_image('s3://bucket/a.png')
    assert read_panoptic_png(tmp_path / 'b.png', '').shape == (2, 3)

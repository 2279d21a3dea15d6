"""Files that are whole or absent, whatever ends their writing, and errors that name them."""

import errno
import os
from pathlib import Path

import pytest

from kmax_deeplab.atomic_file import (
    naming,
    open_atomically,
    write_atomically,
    write_staged,
)


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_staged_file(path):
    with write_staged(path) as staged:
        staged.write_bytes(b'half')
        full_disk()


def write_open_file(path):
    with open_atomically(path) as file:
        file.write(b'half')
        full_disk()


@pytest.mark.parametrize('write', [write_staged_file, write_open_file])
@pytest.mark.parametrize('before', [None, b'mine'])
def test_a_full_disk_leaves_what_was_there(tmp_path, write, before):
    path = tmp_path / 'made' / 'a.png'
    if before is not None:
        write_atomically(path, before)
    with pytest.raises(OSError, match=f'No space left on device: .{path}.$') as caught:
        write(path)
    assert caught.value.errno == errno.ENOSPC
    assert [p.read_bytes() for p in path.parent.iterdir()] == ([] if before is None else [before])


def test_a_staged_file_appears_in_the_end(tmp_path):
    with write_staged(tmp_path / 'made' / 'a.png') as staged:
        assert staged.name == 'a.png'
        staged.write_bytes(b'whole')
        assert not (tmp_path / 'made' / 'a.png').exists()
    assert [path.name for path in (tmp_path / 'made').iterdir()] == ['a.png']


def test_no_folder_to_write_to(tmp_path):
    (tmp_path / 'file').write_bytes(b'mine')
    for path in (tmp_path / 'file' / 'a.png', tmp_path):
        with pytest.raises(OSError, match=str(tmp_path)):
            write_atomically(path, b'x')
    assert [path.name for path in tmp_path.iterdir()] == ['file']


@pytest.mark.parametrize(
    'error',
    [FileNotFoundError(errno.ENOENT, 'gone', 'other'), ConnectionRefusedError(111, 'no server')],
)
def test_errors_of_others_remain(error):
    with pytest.raises(type(error)) as caught, naming(Path('a.png')):
        raise error
    assert caught.value is error


def test_what_a_link_leads_to_is_written(tmp_path):
    (tmp_path / 'old').write_bytes(b'old')
    (tmp_path / 'old').chmod(0o640)
    (tmp_path / 'link').symlink_to('old')
    write_atomically(tmp_path / 'link', b'new')
    assert (tmp_path / 'link').is_symlink()
    assert (tmp_path / 'old').read_bytes() == b'new'
    assert (tmp_path / 'old').stat().st_mode & 0o777 == 0o640


def test_what_is_no_file_is_not_replaced(tmp_path):
    (tmp_path / 'folder').mkdir()
    os.mkfifo(tmp_path / 'pipe')
    for name, error in (('folder', IsADirectoryError), ('pipe', ValueError)):
        with pytest.raises(error, match=name):
            write_atomically(tmp_path / name, b'')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['folder', 'pipe']

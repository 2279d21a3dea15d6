"""Finding, unpacking and opening TensorFlow's files; TensorFlow itself is replaced."""

import io
import sys
import tarfile
import tempfile
import types

import numpy as np
import pytest
import torch
from helpers import files_limited_to
from torch import nn

from projects.kmax.converters import ConversionError
from projects.kmax.converters.errors import UnwritableError
from projects.kmax.converters.recognition import looks_like
from projects.kmax.converters.tensorflow_checkpoint import find_prefix, open_tensorflow

DATA = 'data-00000-of-00001'


class DataLossError(Exception):
    """TensorFlow's errors derive from Exception."""


@pytest.fixture
def tensorflow(monkeypatch):
    """Stand-in whose reader knows two variables, one of them damaged."""
    seen = []

    def read(name):
        if name == 'damaged':
            raise DataLossError('Checksum does not match')
        return np.arange(3, dtype=np.float32)

    def load_checkpoint(prefix):
        seen.append(prefix)
        shapes = {'whole': [3], 'damaged': [3]}
        return types.SimpleNamespace(get_variable_to_shape_map=lambda: shapes, get_tensor=read)

    module = types.SimpleNamespace(train=types.SimpleNamespace(load_checkpoint=load_checkpoint))
    monkeypatch.setitem(sys.modules, 'tensorflow', module)
    return seen


def write(folder, *names, note=None):
    folder.mkdir(exist_ok=True)
    for name in names:
        for ending in ('index', DATA):
            (folder / f'{name}.{ending}').write_bytes(b'')
    if note:
        (folder / 'checkpoint').write_text(f'model_checkpoint_path: "{note}"\n')
    return folder


def check_refused(path, message):
    """Check that a checkpoint is not opened, and what is said."""
    with pytest.raises(ConversionError, match=message), open_tensorflow(path):
        pass


def test_variables_are_read_when_asked_for(tmp_path, tensorflow):
    prefix = write(tmp_path / 'a', 'ckpt-7') / 'ckpt-7'
    with open_tensorflow(prefix) as variables:
        assert list(variables) == ['damaged', 'whole']
        assert 'absent' not in variables
        assert variables['whole'].equal(torch.arange(3.0))
        with pytest.raises(
            ConversionError, match=rf'cannot read checkpoint {prefix}.*Checksum does not match'
        ):
            variables['damaged']
    assert tensorflow == [str(prefix)]


def test_file_of_data_is_taken_for_its_checkpoint(tmp_path, tensorflow):
    folder = write(tmp_path / 'a', 'ckpt-7')
    with open_tensorflow(folder / f'ckpt-7.{DATA}') as variables:
        assert len(variables) == 2
    assert tensorflow == [str(folder / 'ckpt-7')]


def test_only_what_holds_an_index_looks_like_tensorflow(tmp_path):
    folder = write(tmp_path / 'a', 'ckpt-7')
    (tmp_path / 'b').mkdir()
    archive = make_archive(tmp_path / 'x.tar.gz', ['run/ckpt-1.index'])
    other = make_archive(tmp_path / 'y.tar.gz', ['run/model.pth'])
    for path in (folder, folder / 'ckpt-7', folder / f'ckpt-7.{DATA}', archive):
        assert looks_like(path, {}, nn.Identity()) == {'deeplab2': 'of format deeplab2'}
    for path in (tmp_path / 'b', other, tmp_path / 'absent'):
        assert looks_like(path, {}, nn.Identity()) == {}


def test_index_that_is_none_is_named(tmp_path, tensorflow, monkeypatch):
    def fail(prefix):
        raise DataLossError('not an sstable (bad magic number)')

    monkeypatch.setattr(sys.modules['tensorflow'].train, 'load_checkpoint', fail)
    folder = write(tmp_path / 'a', 'ckpt-7')
    check_refused(folder, rf'cannot read checkpoint {folder}.*bad magic number')


@pytest.mark.parametrize(
    ('names', 'note', 'found'),
    [
        (['ckpt-7'], None, 'ckpt-7'),
        (['ckpt-7', 'ckpt-8'], 'ckpt-8', 'ckpt-8'),
        # The note holds the path where it was trained.
        (['ckpt-7', 'ckpt-8'], '/elsewhere/run/ckpt-7', 'ckpt-7'),
        (['ckpt-7'], 'ckpt-6', 'ckpt-7'),
        (['convnext.v1'], None, 'convnext.v1'),
    ],
)
def test_folder(tmp_path, names, note, found):
    folder = write(tmp_path / 'a', *names, note=note)
    assert find_prefix(folder, folder) == folder / found
    assert find_prefix(tmp_path, tmp_path) == folder / found
    assert find_prefix(folder / f'{found}.index', folder) == folder / found
    assert find_prefix(folder / f'{found}.{DATA}', folder) == folder / found


def test_note_of_any_bytes(tmp_path):
    folder = write(tmp_path / 'a', 'ckpt-7', 'ckpt-8')
    note = folder / 'checkpoint'
    note.write_bytes(b'# \xff\xfe\nmodel_checkpoint_path: "/r\xe9sultats/ckpt-8"\n')
    assert find_prefix(folder, folder) == folder / 'ckpt-8'
    note.write_bytes(b'\xff\xfe')
    with pytest.raises(ConversionError, match='must hold one TensorFlow checkpoint'):
        find_prefix(folder, folder)


@pytest.mark.parametrize(
    ('names', 'place', 'message'),
    [
        ([], '.', r'must hold one TensorFlow checkpoint, a file \*.index, but holds none'),
        (['a', 'b'], '.', r'must hold one .* but holds a.index, b.index'),
        (['a'], 'b', r'does not exist: no file .*/b.index'),
        (['a'], 'b.index', r'does not exist: no file .*/b.index'),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path, names, place, message):
    folder = write(tmp_path / 'x', *names)
    with pytest.raises(ConversionError, match=message) as error:
        find_prefix(folder / place, folder / place)
    assert str(folder / place) in str(error.value)


def test_missing_data_are_named(tmp_path):
    folder = write(tmp_path / 'x', 'a', 'a2')
    (folder / f'a.{DATA}').unlink()
    with pytest.raises(ConversionError, match=rf'incomplete: no file {folder}/a.data-\* beside'):
        find_prefix(folder / 'a', folder / 'a')


def make_archive(path, names, content=b'fake', mode='w:gz'):
    with tarfile.open(path, mode) as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_archive_is_unpacked_to_a_folder_that_goes(tmp_path, tensorflow):
    names = ['run/ckpt-1.index', f'run/ckpt-1.{DATA}', 'run/checkpoint', 'run/._ckpt-1.index']
    archive = make_archive(tmp_path / 'x.tar.gz', names)
    with open_tensorflow(archive) as variables:
        assert len(variables) == 2
    (prefix,) = tensorflow
    assert prefix.endswith('/ckpt-1')
    assert not (tmp_path / prefix).parent.exists()
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize(
    ('name', 'kind', 'message'),
    [
        ('../../ckpt-1.index', tarfile.REGTYPE, '.*leads out of the folder'),
        ('a/../../ckpt-1.index', tarfile.REGTYPE, '.*leads out of the folder'),
        ('/ckpt-1.index', tarfile.REGTYPE, '.*is absolute'),
        ('a\\ckpt-1.index', tarfile.REGTYPE, '.*holds a backslash'),
        ('ckpt-1.index', tarfile.SYMTYPE, 'its ckpt-1.index is a link or device'),
        ('ckpt-1.index', tarfile.LNKTYPE, 'its ckpt-1.index is a link or device'),
        ('ckpt-1.index', tarfile.CHRTYPE, 'its ckpt-1.index is a link or device'),
    ],
)
def test_archive_that_reaches_elsewhere_is_refused(tmp_path, tensorflow, name, kind, message):
    archive = tmp_path / 'x.tar.gz'
    with tarfile.open(archive, 'w:gz') as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, '/etc/passwd'
        tar.addfile(member)
    check_refused(archive, rf'{archive} is refused: {message}')
    assert list(tmp_path.iterdir()) == [archive]
    assert tensorflow == []


def test_wrong_check_sum_is_named(tmp_path, tensorflow):
    archive = make_archive(tmp_path / 'x.tar.gz', ['ckpt-1.index', f'ckpt-1.{DATA}'])
    content = bytearray(archive.read_bytes())
    content[-6] ^= 1
    archive.write_bytes(content)
    check_refused(archive, f'{archive} cannot be unpacked.*CRC check failed')


def test_full_temporary_disk_is_no_damage(tmp_path, tensorflow, monkeypatch):
    archive = make_archive(tmp_path / 'x.tar.gz', ['ckpt-1.index', f'ckpt-1.{DATA}'])
    space = tmp_path / 'space'
    space.mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(space))
    with files_limited_to(2), pytest.raises(UnwritableError) as error, open_tensorflow(archive):
        pass
    message = str(error.value)
    assert message.startswith(f'{archive} cannot be unpacked into {space}/')
    assert message.endswith('File too large; set TMPDIR to a folder with more space')
    assert list(space.iterdir()) == []


def test_other_files_of_an_archive_are_left_in_it(tmp_path, tensorflow):
    # Two files of one name would be refused.
    names = ['ckpt-1.index', f'ckpt-1.{DATA}', 'a/events.out', 'b/events.out']
    with open_tensorflow(make_archive(tmp_path / 'x.tar.gz', names)) as variables:
        assert len(variables) == 2


def test_damaged_xz_archive_is_named(tmp_path, tensorflow):
    noise = np.random.default_rng(0).bytes(2**20)
    archive = make_archive(tmp_path / 'x.tar.xz', ['ckpt-1.index'], noise, 'w:xz')
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 255
    archive.write_bytes(content)
    check_refused(archive, f'{archive} cannot be unpacked, it may be damaged')


@pytest.mark.parametrize('ending', ['.tar.gz', '.tar'])
def test_cut_archive_is_named(tmp_path, tensorflow, ending):
    names, mode = ['ckpt-1.index', f'ckpt-1.{DATA}'], 'w:gz' if ending == '.tar.gz' else 'w'
    archive = make_archive(tmp_path / f'x{ending}', names, bytes(range(250)) * 12, mode)
    whole = archive.read_bytes()
    # A plain archive is whole without the zeros after its two files.
    length = len(whole) if ending == '.tar.gz' else 2 * (512 + 3072)
    message = rf'{archive} (cannot be unpacked, it may be damaged|is incomplete: no file .*\.data)'
    for cut in (1, length // 10, length // 2, length - 600, length - 5):
        archive.write_bytes(whole[: max(cut, 1)])
        check_refused(archive, message)
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize('kind', ['cut', 'text', 'twice', 'empty'])
def test_archive_that_cannot_be_used_is_named(tmp_path, tensorflow, kind):
    names = ['a/x.index', 'b/x.index'] if kind == 'twice' else []
    archive = make_archive(tmp_path / 'x.tar.gz', names)
    if kind == 'cut':
        archive.write_bytes(make_archive(archive, ['a/x.index'] * 1).read_bytes()[:40])
    elif kind == 'text':
        archive.write_text('404: not found')
    messages = dict(twice='holds two files x.index', empty='but holds none')
    message = messages.get(kind, 'cannot be unpacked')
    check_refused(archive, rf'{archive}.*{message}')
    assert list(tmp_path.iterdir()) == [archive]

"""Killed while it unpacks, a converter leaves no folder that would pass for the whole."""

import multiprocessing
import os
import shutil
import signal

import pytest

from projects.kmax.dataset_preparation import archives
from projects.kmax.dataset_preparation.archives import collect, unpack

FORK = multiprocessing.get_context('fork')
NAMES = [f'unlabeled2017/{number}.jpg' for number in range(3)] + ['unlabeled2017/more/4.jpg']


@pytest.fixture(params=['.zip', '.tar'])
def archive(request, tmp_path, forge):
    """Four images, one in a folder of its own."""
    for number, name in enumerate(NAMES):
        forge.image(tmp_path / 'src' / name, number)
    path = tmp_path / f'unlabeled2017{request.param}'
    forge.pack(tmp_path / 'src', path)
    return path


def _unpack(archive, out):
    unpack(archive, out, lambda items, *_: items)


def _kill_at(module, name, call, archive, out):
    """Unpack with a function that kills the process at one of its calls."""
    function, calls = getattr(module, name), []

    def replaced(*args, **kwargs):
        calls.append(args)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    setattr(module, name, replaced)
    _unpack(archive, out)


def _unpack_killed(*args):
    process = FORK.Process(target=_kill_at, args=args)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    ('module', 'name', 'call'),
    [
        (archives, 'write_atomically', 1),
        (archives, 'write_atomically', 4),
        # Within the writing of a file.
        (os, 'replace', 2),
        (archives, 'remove_temporaries', 1),
    ],
)
def test_folder_appears_whole(module, name, call, archive, out, tmp_path, forge):
    _unpack_killed(module, name, call, archive, out)
    assert not (out / 'unlabeled2017').exists()
    _unpack(archive, out)
    assert sorted(forge.files(out)) == NAMES
    _unpack(archive, tmp_path / 'undisturbed')
    assert forge.files(out) == forge.files(tmp_path / 'undisturbed')


def test_work_that_is_done_is_not_done_again(archive, out, monkeypatch):
    _unpack_killed(archives, 'write_atomically', 4, archive, out)
    written, write = [], archives.write_atomically
    monkeypatch.setattr(
        archives, 'write_atomically', lambda path, *args: written.append(path) or write(path, *args)
    )
    _unpack(archive, out)
    assert len(written) == 1
    _unpack(archive, out)
    assert len(written) == 1


def test_damaged_archive_adds_nothing(archive, tmp_path):
    content = bytearray(archive.read_bytes())
    # Within the last image; a tape archive only tells where it ends early.
    archive.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ValueError, match=f'archive {archive} is damaged, download it again'):
        _unpack(archive, tmp_path / 'out')
    assert not (tmp_path / 'out' / 'unlabeled2017').exists()


@pytest.mark.parametrize('killed_in', ['ADEChallengeData2016.zip', 'annotations_instance.tar'])
def test_converter_does_not_take_a_part_for_the_whole(killed_in, tmp_path, convert, forge):
    out, downloads = tmp_path / 'ade', tmp_path / 'downloads'
    downloads.mkdir()
    for part in ('images', 'annotations', 'annotations_instance'):
        forge.image(out / f'.{killed_in}.unfinished' / part / 'training' / 'a.png')
    code, printed = convert('ade20k', downloads, out)
    assert code == 'ade20k.py: error: 6 files or annotations are faulty'
    assert printed.count('is missing: download http') == 6


def test_links_into_the_downloads_are_not_written_through(archive, tmp_path):
    """The downloads had been unpacked and changed; then the archive is put beside them."""
    out, downloads = tmp_path / 'data', tmp_path / 'downloads'
    downloads.mkdir()
    (downloads / 'own.txt').write_text('own')
    out.mkdir()
    (out / 'unlabeled2017').symlink_to(downloads)
    with pytest.raises(ValueError, match='is a link, through which .* of archive .* remove'):
        _unpack(archive, out)
    assert [path.name for path in downloads.iterdir()] == ['own.txt']


def test_links_to_downloads_that_were_moved_are_made_anew(tmp_path):
    downloads, out = tmp_path / 'downloads', tmp_path / 'data'
    (downloads / 'images').mkdir(parents=True)
    out.mkdir()
    (out / 'images').symlink_to(tmp_path / 'gone')
    collect(downloads, out, {}, ['images'], lambda items, *_: items)
    assert (out / 'images').resolve() == downloads / 'images'


def test_what_a_disk_or_the_memory_cannot_hold_is_refused_before_it_is_read(
    archive, tmp_path, monkeypatch
):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(archives.shutil, 'disk_usage', lambda folder: usage._replace(free=100))
    with pytest.raises(
        OSError, match=f'archive {archive} unpacks to .* bytes, but the disk of .*100'
    ):
        _unpack(archive, tmp_path / 'out')
    monkeypatch.setattr(archives, 'MAX_MEMBER', 100)
    message = f'archive {archive} holds unlabeled2017/0.jpg of .* bytes, more than the 100'
    with pytest.raises(ValueError, match=message):
        _unpack(archive, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
    monkeypatch.undo()
    _unpack(archive, tmp_path / 'out')
    assert len([path for path in (tmp_path / 'out').rglob('*.jpg')]) == len(NAMES)

"""Copies are found as far as files may be looked at, and nothing hinders the search."""

import os
from pathlib import Path

import pytest

from projects.kmax.panoptic import leaks
from projects.kmax.panoptic.leaks import MAX_DIGESTS, MAX_SIZES, digest, find_leaks


@pytest.fixture
def write(tmp_path):
    """Return a function that writes files by name and returns a part of one annotation file."""

    def run(split, contents):
        (tmp_path / split).mkdir()
        paths = [tmp_path / split / name for name in contents]
        for path, content in zip(paths, contents.values(), strict=True):
            path.write_bytes(content)
        return [(f'{split}.json', [(path.stem, str(path)) for path in paths])]

    return run


@pytest.fixture
def looked_at(monkeypatch):
    """Return a function from the name of a function of paths to the paths that it gets."""

    def record(name):
        paths = []
        function = getattr(leaks, name)
        monkeypatch.setattr(leaks, name, lambda path: paths.append(path) or function(path))
        return paths

    return record


def numbered(count, start=0):
    """Files of different sizes."""
    return {f'{n}.jpg': bytes(n + 1) for n in range(start, start + count)}


def test_renamed_copies_are_found_with_all_digests_and_without(write):
    train = write('train', numbered(30) | {'x.jpg': b'same', 'y.jpg': b'else'})
    val = write('val', {'z.jpg': b'same', 'x.jpg': b'diff'})
    paths = [path for part in (train, val) for _, images in part for _, path in images]
    digests = {path: digest(Path(path).read_bytes()) for path in paths}
    by_tool, by_training = (list(find_leaks(train, val, each)) for each in (digests, None))
    assert [fault.image_id for fault in by_tool + by_training] == ['z', 'z']
    told = [fault.message.partition(' (compared ') for fault in by_tool + by_training]
    assert told[0][0] == told[1][0]
    assert told[0][0].endswith(
        f'of val.json is the same as image x ({train[0][1][30][1]}) in training'
    )
    assert told[0][2] == 'by path and content)'
    assert told[1][2] == (
        f'by path, and by content in up to {MAX_DIGESTS} files of equal size among up to '
        f'{MAX_SIZES} images of each)'
    )


def test_images_of_other_sizes_are_told_apart_without_reading_them(write, looked_at):
    read = looked_at('_read')
    names = range(MAX_DIGESTS)
    train = write('train', {f'{n}': b'longer' for n in names} | {'99': b'same'})
    val = write('val', {f'{n}': b'short' for n in names} | {'99': b'same'})
    assert [fault.image_id for fault in find_leaks(train, val)] == ['99']
    assert len(read) == 2


def test_few_images_of_one_size_are_read(write, looked_at):
    read = looked_at('_read')
    names = [f'{n}' for n in range(MAX_DIGESTS)]
    train = write('train', dict.fromkeys(names, b'a'))
    val = write('val', dict.fromkeys(names, b'b'))
    assert list(find_leaks(train, val)) == []
    assert len(read) == len(set(read)) == MAX_DIGESTS


def test_few_files_are_asked_for_their_sizes_those_of_one_name_first(write, looked_at, monkeypatch):
    monkeypatch.setattr(leaks, 'MAX_SIZES', 5)
    asked = looked_at('_size')
    train = write('train', numbered(20) | {'b.jpg': b'same', 'a.jpg': b'too'})
    val = write('val', numbered(20, start=20) | {'a.jpg': b'two', 'b.jpg': b'same'})
    assert [fault.image_id for fault in find_leaks(train, val)] == ['b']
    assert len(asked) == 2 * 5


def test_rare_sizes_are_read_first(write, monkeypatch):
    monkeypatch.setattr(leaks, 'MAX_DIGESTS', 4)
    train = write('train', {f'{n}.bmp': bytes([n, 0, 0]) for n in range(9)} | {'a.jpg': b'same'})
    val = write('val', {f'v{n}.bmp': bytes([n, 1, 0]) for n in range(9)} | {'b.jpg': b'same'})
    assert [fault.image_id for fault in find_leaks(train, val)] == ['b']


def test_what_is_no_readable_file_is_passed_over(write, tmp_path, monkeypatch):
    (train,) = write('train', {'a.jpg': b'same', 'b.jpg': b'more!', 'empty.jpg': b''})
    (val,) = write('val', {'c.jpg': b'same', 'd.jpg': b'more!', 'void.jpg': b''})
    os.mkfifo(tmp_path / 'pipe')
    for part in (train, val):
        part[1][:0] = [
            (f'{part[0]} {path}', path)
            for path in ('', str(tmp_path), str(tmp_path / 'pipe'), 'absent.jpg')
        ]
    train[1].append(('remote', 's3://train/1.jpg'))
    train[1].append(('gone', str(tmp_path / 'train' / 'gone.jpg')))
    gone = (('gone', 'gone.jpg'), ('a', 'a.jpg'))
    val[1].append(('nul', 'a\0b'))
    val[1].extend((name, str(tmp_path / 'val' / file)) for name, file in gone)
    # The file was there when it was asked for its size.
    read = Path.read_bytes

    def fail(path):
        if path.name == 'd.jpg':
            raise OSError('stale file handle')
        return read(path)

    monkeypatch.setattr(Path, 'read_bytes', fail)
    by_path = [f'val.json {path}' for path in ('', tmp_path, tmp_path / 'pipe', 'absent.jpg')]
    assert [fault.image_id for fault in find_leaks([train], [val])] == [*by_path, 'c']


def test_a_file_given_as_both_is_no_leak(write):
    train = write('train', {'a.jpg': b'same'})
    assert list(find_leaks(train, train)) == []


def test_the_file_of_validation_among_those_of_training_is_told(write):
    train, val = write('train', numbered(2)), write('val', numbered(2, start=2))
    assert list(find_leaks(val, val)) == []
    (fault,) = find_leaks([*train, *val], val)
    assert fault.message == (
        'val.json is among the files of training, train.json, val.json: figures of validation are '
        'of images that are trained on'
    )
    other = [(f'./{name}', images) for name, images in val]
    assert len(list(find_leaks([*train, *other], val))) == 1

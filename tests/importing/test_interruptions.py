"""Killed runs go on; finished ones are left alone; folders of others are refused."""

import json
import multiprocessing
import os
import signal

import pytest
from helpers import run_command
from outlines import box

from kmax_deeplab.locks import LOCK_NAME
from projects.kmax.importing import writing

FORK = multiprocessing.get_context('fork')


def files_in(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


@pytest.fixture
def words(instances, tmp_path):
    """What imports ten images, but for the folder."""
    names = tuple(f'folder/{number}.png' for number in range(10))
    labels = [dict(image_id=n, segmentation=box(n, 2, 31, 20)) for n in range(1, 11)]
    path = instances(labels, names)
    return ['instances', path], ['--image-dir', tmp_path / 'images', '--split', 0.3]


def _killed_at(name, call, words):
    """Import with a function of the module that kills the process at one of its calls."""
    function, calls = getattr(writing, name), []

    def replaced(*args, **kwargs):
        calls.append(args)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    setattr(writing, name, replaced)
    writing.RECORDED_AT_ONCE = 2
    run_command('import', 'to_panoptic.py', *words, '--workers', 1)


@pytest.mark.parametrize(
    ('name', 'call'),
    [
        ('write_classes', 1),
        ('write_panoptic_png', 1),
        ('write_panoptic_png', 6),
        ('place_image', 7),
        ('write_panoptic_json', 1),
        ('write_panoptic_json', 2),
    ],
)
def test_a_killed_run_goes_on(tool, words, tmp_path, monkeypatch, name, call):
    (first, more), out, whole = words, tmp_path / 'out', tmp_path / 'whole'
    tool(*first, whole, *more)
    process = FORK.Process(target=_killed_at, args=(name, call, [*first, out, *more]))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert not (out / 'panoptic_val.json').exists()
    written = []
    monkeypatch.setattr(
        writing,
        'write_panoptic_png',
        lambda path, ids: (written.append(path), original(path, ids)) and None,
    )
    tool(*first, out, *more)
    assert files_in(out) == files_in(whole)
    # Two at a time are recorded, those of the last pair are written again.
    expected = {'write_panoptic_png': 10 - (call - 1) // 2 * 2, 'place_image': 4}
    assert len(written) == expected.get(name, 0 if name == 'write_panoptic_json' else 10)


original = writing.write_panoptic_png


def test_workers_and_the_order_of_the_export_change_nothing(tool, words, tmp_path):
    (first, more), out = words, tmp_path / 'out'
    tool(*first, out, *more)
    content = json.loads(first[1].read_text())
    content['images'].reverse()
    other = tmp_path / 'other.json'
    other.write_text(json.dumps(content))
    tool(first[0], other, tmp_path / 'two', *more, workers=2)
    found, expected = files_in(tmp_path / 'two'), files_in(out)
    for each in (found, expected):
        for name in ('panoptic_train.json', 'panoptic_val.json'):
            each[name] = {k: v for k, v in json.loads(each[name]).items() if k != 'info'}
    assert found == expected


def test_a_finished_run_is_left_alone(tool, words, tmp_path):
    (first, more), out = words, tmp_path / 'out'
    printed = tool(*first, out, *more)
    times = {path: path.lstat().st_mtime_ns for path in out.rglob('*')}
    assert tool(*first, out, *more).splitlines()[-4:] == printed.splitlines()[-4:]
    assert times == {path: path.lstat().st_mtime_ns for path in out.rglob('*')}
    line = tool(*first, out, *more, '--overlap', 'last', fails=True)
    assert f"{out}/panoptic_train.json was begun with overlap='smallest', not 'last'" in line


def test_files_of_others_are_kept(tool, words, write, tmp_path):
    (first, more), out = words, tmp_path / 'out'
    write('out/panoptic_val.json', dict(images=[], annotations=[]))
    line = tool(*first, out, *more, fails=True)
    assert 'out/panoptic_val.json is there, but not written by this command' in line


def test_images_are_not_written_over(tool, words, tmp_path):
    first, more = words
    (tmp_path / 'images').rename(tmp_path / 'train')
    more[1] = tmp_path / 'train'
    line = tool(*first, tmp_path, *more, fails=True)
    assert f'{tmp_path}/train is there, but not written by this command' in line


def test_a_folder_in_use(tool, words, tmp_path):
    (first, more), out = words, tmp_path / 'out'
    held, done = FORK.Event(), FORK.Event()

    def hold():
        from kmax_deeplab.locks import hold as hold_place

        hold_place(out, tmp_path / f'out{LOCK_NAME}')
        held.set()
        done.wait(30)

    process = FORK.Process(target=hold)
    process.start()
    assert held.wait(30)
    try:
        assert f'{out} is in use by process {process.pid}' in tool(*first, out, *more, fails=True)
        assert not out.exists()
    finally:
        done.set()
        process.join(30)

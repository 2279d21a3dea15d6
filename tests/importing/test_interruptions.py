"""Killed runs go on; finished ones are left alone; folders of others are refused."""

import json
import multiprocessing
import os
import select
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import run_command
from outlines import box

from kmax_deeplab.locks import LOCK_NAME
from projects.kmax.importing import writing
from projects.kmax.parallel import run_parallel

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


def _killed_while_copying(words):
    writing.shutil.copyfile = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
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


def test_a_copy_that_was_interrupted_is_removed(tool, words, tmp_path):
    (first, more), out = words, tmp_path / 'out'
    copy = [*more, '--images', 'copy']
    process = FORK.Process(target=_killed_while_copying, args=([*first, out, *copy],))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    (left,) = out.rglob('*.partial')
    assert left.is_dir()
    tool(*first, out, *copy)
    assert not list(out.rglob('*.partial'))


def test_the_same_words_again(tool, words, tmp_path):
    """They tell things, which the YAML of the first run does, too."""
    (first, more), out = words, tmp_path / 'out'
    told = [*more, '--things', 'cat', '--ignore', 'dog']
    printed = tool(*first, out, *told)
    assert tool(*first, out, *told).splitlines()[-4:] == printed.splitlines()[-4:]
    line = tool(*first, out, *more, '--things', 'cat,dog', fails=True)
    assert f'{out}/classes.yaml tells other classes than --things and --ignore' in line
    line = tool(*first, out, *told, '--classes', out / 'classes.yaml', fails=True)
    assert 'tells what is a thing and what is ignored: leave out --things and --ignore' in line


def test_changed_labels_are_not_taken_for_those_before(tool, images, write, tmp_path):
    folder = images('a.png', 'b.png')
    for name in 'ab':
        write(f'maps/{name}.png', np.ones((24, 32), np.uint8))
    words = ('semantic', tmp_path / 'maps', tmp_path / 'out', '--image-dir', folder)
    tool(*words, '--split', 0, '--things', '')
    os.utime(tmp_path / 'maps' / 'b.png', ns=(1, 1))
    line = tool(*words, '--split', 0, '--things', '', fails=True)
    assert f'{tmp_path}/out/panoptic_train.json was begun with sources=' in line


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


def _wait(number):
    time.sleep(60)


def _give_work():
    list(run_parallel(_wait, range(100), 2))


def test_workers_end_with_a_run_that_is_killed():
    end, held = os.pipe()
    process = FORK.Process(target=_give_work)
    process.start()
    os.close(held)
    children = Path(f'/proc/{process.pid}/task/{process.pid}/children')
    workers = []
    while len(workers) < 2:
        time.sleep(0.01)
        workers = list(map(int, children.read_text().split()))
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    # It ends when the last process that was forked has closed it.
    have_ended, _, _ = select.select([end], [], [], 30)
    os.close(end)
    if not have_ended:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
    assert have_ended


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

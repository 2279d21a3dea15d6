"""Killed at any moment, labelling leaves nothing that reads as whole and goes on to one end."""

import json
import os
import signal
from pathlib import Path

import cv2
import pytest

from projects.kmax.journal import Journal

JOURNAL = 'labels.unfinished'


def _die_instead(owner, name, condition):
    """Replace a function by one that kills the process where a condition holds."""
    function = getattr(owner, name)

    def replaced(*args, **kwargs):
        if condition(*args):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    setattr(owner, name, replaced)


def _append_from(line):
    return Journal, 'append', lambda journal, _: len(journal.entries) >= line


def _rename_to(name):
    return os, 'replace', lambda _, target: Path(target).name == name


MOMENTS = {
    'before the first line': _append_from(0),
    'before the third line': _append_from(2),
    'within a PNG': _rename_to('13.png'),
    'within a PNG of a folder': _rename_to('14.png'),
    'within the JSON': _rename_to('labels.json'),
    'before the journal goes': (Path, 'unlink', lambda path, **_: path.name == JOURNAL),
}


def _run_until(moment, tool, out):
    _die_instead(*MOMENTS[moment])
    tool(out)


def _recorded(folder):
    """Return when each PNG was written of which a whole line of the journal tells."""
    lines = [json.loads(line) for line in (folder / JOURNAL).read_bytes().splitlines()[1:]]
    names = [Path(line['file_name']).with_suffix('.png') for line in lines if 'error' not in line]
    return {name: (folder / 'labels' / name).stat().st_mtime_ns for name in names}


@pytest.mark.parametrize('moment', MOMENTS)
def test_killed_run_leaves_nothing_to_be_read_and_goes_on(
    moment, tool, fork, tmp_path, out, whole, files_in
):
    process = fork(_run_until, moment, tool, out)
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    left = files_in(tmp_path)
    assert ('labels.json' in left) == (moment == 'before the journal goes')
    assert any(name.endswith('.partial') for name in left) == (moment.startswith('within'))
    assert all(cv2.imread(str(path)) is not None for path in out.rglob('*.png'))
    recorded = _recorded(tmp_path)
    # And half a line.
    with (tmp_path / JOURNAL).open('ab') as file:
        file.write(b'{"file_name": "13.j')
    assert tool(out)[0] == 0
    assert files_in(tmp_path) == whole
    now = {name: (out / name).stat().st_mtime_ns for name in recorded}
    assert recorded == now


def test_lost_and_truncated_pngs_are_written_again(tool, fork, tmp_path, out, whole, files_in):
    fork(_run_until, 'within the JSON', tool, out).join(120)
    (out / '11.png').unlink()
    os.truncate(out / '12.png', 100)
    kept = (out / '13.png').stat().st_mtime_ns
    assert tool(out)[0] == 0
    assert files_in(tmp_path) == whole
    assert (out / '13.png').stat().st_mtime_ns == kept


def test_image_that_could_not_be_read_is_tried_again(tool, fork, out, images, monkeypatch):
    fork(_run_until, 'within the JSON', tool, out).join(120)
    damaged = images / '15.jpg'
    content = damaged.read_bytes()
    try:
        damaged.write_bytes((images / '11.jpg').read_bytes())
        assert '5 images are labelled' in tool(out)[1]
    finally:
        damaged.write_bytes(content)


def test_damaged_journal_is_named(tool, fork, tmp_path, out):
    fork(_run_until, 'before the third line', tool, out).join(120)
    with (tmp_path / JOURNAL).open('ab') as file:
        file.write(b'\0\0\n')
    code, _ = tool(out)
    assert code == (
        f'pseudo_label.py: error: line 4 of {tmp_path}/{JOURNAL} is damaged: delete the file and '
        'the PNGs to start again'
    )
    assert not (tmp_path / 'labels.json').exists()


def test_what_a_file_tells_of_is_on_the_disk_before(tool, tmp_path, monkeypatch):
    synced, unlinked = [], []
    fsync, unlink = os.fsync, Path.unlink

    def record_sync(descriptor):
        name = os.readlink(f'/proc/self/fd/{descriptor}')
        if name.endswith(JOURNAL):
            for line in Path(name).read_bytes().splitlines()[1:]:
                entry = json.loads(line)
                png = Path(entry['file_name']).with_suffix('.png')
                # The content and the name.
                assert 'error' in entry or any(f'labels/{png}.' in other for other in synced)
                assert 'error' in entry or str(tmp_path / 'labels' / png.parent) in synced
        fsync(descriptor)
        synced.append(name)

    def record_unlink(path, **options):
        if path.name == JOURNAL:
            unlinked.append(list(synced))
        unlink(path, **options)

    monkeypatch.setattr(os, 'fsync', record_sync)
    monkeypatch.setattr(Path, 'unlink', record_unlink)
    assert tool(tmp_path / 'labels')[0] == 0
    assert any('labels.json.' in name for name in unlinked[0])
    assert str(tmp_path) in unlinked[0]

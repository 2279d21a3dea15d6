import os

import pytest
import torch

from projects.kmax.runtime import find_whole_checkpoint, latest_checkpoint
from projects.kmax.runtime.latest_checkpoint import choose_start, find_fault


@pytest.fixture
def save(tmp_path):
    def write(name, age=0):
        path = tmp_path / name
        torch.save(dict(state_dict=dict(weight=torch.arange(999.0))), path)
        os.utime(path, (1e9 - age, 1e9 - age))
        return path

    return write


def point(folder, path):
    (folder / 'last_checkpoint').write_text(str(path))
    os.utime(folder / 'last_checkpoint', (1e9, 1e9))


def test_no_checkpoint(tmp_path):
    assert find_whole_checkpoint(str(tmp_path)) is None


@pytest.mark.parametrize(
    ('ages', 'pointed_to', 'found'),
    [
        (dict(iter_900=10, iter_20=10, iter_100=0), '{}/iter_100.pth', 'iter_100.pth'),
        (dict(iter_2=0, iter_4=-10), '{}/iter_2.pth', 'iter_4.pth'),
        (dict(iter_9=0, iter_10=0, best_PQ_iter_11=0), None, 'iter_10.pth'),
        (dict(iter_4=0, iter_2=5), '/gone/iter_4.pth', 'iter_4.pth'),
    ],
    ids=['former longer run', 'written just before the crash', 'no pointer', 'moved folder'],
)
def test_which_is_the_newest(ages, pointed_to, found, save, tmp_path):
    for name, age in ages.items():
        save(f'{name}.pth', age)
    if pointed_to is not None:
        point(tmp_path, pointed_to.format(tmp_path))
    assert find_whole_checkpoint(str(tmp_path)) == str(tmp_path / found)


def cut(content):
    return content[:-100]


def flip(content):
    place = content.index(torch.arange(999.0).numpy().tobytes()) + 50
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def flip_directory(content):
    # The compression method in the last entry of the archive's directory.
    position = content.rindex(b'PK\x01\x02') + 10
    return content[:position] + bytes([content[position] ^ 64]) + content[position + 1 :]


@pytest.mark.parametrize('damage', [cut, flip, flip_directory, lambda content: b''])
def test_damaged_newest_is_named_and_skipped(damage, save, tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(latest_checkpoint, 'print_log', lambda text, **kw: warnings.append(text))
    whole = save('iter_2.pth')
    newest = save('iter_4.pth')
    newest.write_bytes(damage(newest.read_bytes()))
    point(tmp_path, newest)
    assert find_fault(newest) is not None
    assert find_whole_checkpoint(str(tmp_path)) == str(whole)
    assert len(warnings) == 1 and f'checkpoint {newest} is damaged (' in warnings[0]
    whole.write_bytes(b'')
    with pytest.raises(ValueError, match='all are damaged: .*iter_4.pth, .*iter_2.pth'):
        find_whole_checkpoint(str(tmp_path))


URL = 'https://example.org/iter_4.pth'


@pytest.mark.parametrize('load_from', [None, 'start.pth', URL])
def test_training_starts_as_the_config_says_where_nothing_is_resumed(load_from, tmp_path):
    for resume in (None, False):
        assert choose_start(resume, load_from, str(tmp_path)) == (False, load_from)


@pytest.mark.parametrize('load_from', [None, 'start.pth', URL])
def test_nothing_to_resume_keeps_load_from_and_says_so(load_from, tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(latest_checkpoint, 'print_log', lambda text, **kw: lines.append(text))
    assert choose_start('auto', load_from, str(tmp_path)) == (False, load_from)
    start = f'load_from={load_from}' if load_from else 'new weights'
    expected = f'no checkpoint to resume from in {tmp_path}: training begins with {start}'
    assert lines == [expected]


def test_checkpoint_of_the_work_folder_wins_over_load_from(save, tmp_path):
    newest = str(save('iter_4.pth'))
    assert choose_start('auto', 'start.pth', str(tmp_path)) == (True, newest)
    assert choose_start(True, None, str(tmp_path)) == (True, newest)


@pytest.mark.parametrize('resume, load_from', [(True, URL), (URL, 'start.pth')])
def test_url_is_resumed_from(resume, load_from, tmp_path):
    assert choose_start(resume, load_from, str(tmp_path)) == (True, URL)


def test_damaged_checkpoint_to_resume_from_is_named(save, tmp_path):
    path = save('iter_4.pth')
    for resume, load_from in ((True, str(path)), (str(path), None)):
        assert choose_start(resume, load_from, '') == (True, str(path))
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(ValueError, match=f'checkpoint {path} is damaged: '):
        choose_start(str(path), None, '')


def test_old_format_has_no_checksums(tmp_path):
    path = tmp_path / 'old.pth'
    torch.save(dict(a=torch.ones(3)), path, _use_new_zipfile_serialization=False)
    assert find_fault(path) is None


@pytest.mark.parametrize('content', [b'\xff\xfe\0', b'/nowhere/notes.txt', b''])
def test_a_pointer_that_names_no_checkpoint_hides_none(content, tmp_path):
    torch.save({}, tmp_path / 'iter_3.pth')
    (tmp_path / 'last_checkpoint').write_bytes(content)
    assert find_whole_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_3.pth')

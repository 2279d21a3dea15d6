"""Runs on one output: they exclude each other or share the work."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)

import json
import multiprocessing
import time

import pytest

from projects.kmax.pseudo_labels.journal import Journal


@pytest.fixture
def settings(whole):
    """What the journals of the run begin with."""
    info = json.loads(whole['labels.json'])['info']
    return {name: value for name, value in info.items() if name not in ('counts', 'unreadable')}


def _hold(path, settings, opened):
    """Keep a journal open, as does a data worker that outlives its parent."""
    with Journal(path, settings):
        multiprocessing.get_context('fork').Process(target=time.sleep, args=(5,)).start()
        opened.set()
        time.sleep(60)


@pytest.mark.parametrize('name', ['labels.unfinished', 'labels.1-of-2.unfinished'])
def test_second_run_is_refused_while_the_first_lives(
    name, tool, fork, tmp_path, whole, files_in, settings
):
    out = tmp_path / 'labels'
    opened = multiprocessing.get_context('fork').Event()
    first = fork(_hold, tmp_path / name, settings, opened)
    assert opened.wait(60)
    before = (tmp_path / name).read_bytes()
    code, _ = tool(out)
    assert code == (
        f'pseudo_label.py: error: {tmp_path}/{name} is in use by another run: wait for it, or '
        'give another place to write to'
    )
    assert (tmp_path / name).read_bytes() == before and not out.exists()
    first.kill()
    first.join()
    assert tool(out)[0] == 0
    assert files_in(tmp_path) == whole


def test_shards_add_up_to_one_run(tool, tmp_path, whole, files_in):
    out = tmp_path / 'labels'
    code, printed = tool(out, '--shard', '0/2')
    assert code == 0 and '3 images are labelled in this shard, 0 left out' in printed
    assert f'run without --shard to write {out}.json' in printed
    assert set(files_in(tmp_path)) == {
        *('labels/11.png', 'labels/13.png', 'labels/more/14.png', 'labels.0-of-2.unfinished')
    }
    assert tool(out, '--shard', '1/2')[0] == 0
    assert not out.with_name('labels.json').exists()
    times = {path: path.stat().st_mtime_ns for path in out.rglob('*.png')}
    assert tool(out)[0] == 0
    assert files_in(tmp_path) == whole
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob('*.png')}


def test_what_no_shard_has_done_is_done_in_the_end(tool, tmp_path, whole, files_in):
    out = tmp_path / 'labels'
    assert '2 images' in tool(out, '--shard', '1/3')[1]
    done = (out / '12.png').stat().st_mtime_ns
    # Another division of the work, to which image 12 belongs as well.
    assert '1 images' in tool(out, '--shard', '1/2')[1]
    assert (out / '12.png').stat().st_mtime_ns == done
    assert tool(out)[0] == 0
    assert files_in(tmp_path) == whole


def test_shards_of_other_settings_are_refused(tool, tmp_path):
    out = tmp_path / 'labels'
    tool(out, '--shard', '0/2')
    code, _ = tool(out, '--shard', '1/2', '--min-score', '0.1')
    assert 'labels.0-of-2.unfinished was begun with min_score=0.0, not 0.1' in code
    assert not (out / '12.png').exists()
    # Nothing is left that would contradict a run with the right ones.
    assert tool(out, '--shard', '1/2')[0] == 0


@pytest.mark.parametrize('shard', ['2/2', '1', '-1/2', 'a/b', '0/0'])
def test_wrong_shards_are_named(shard, command, tmp_path, capsys):
    assert command(tmp_path / 'labels', f'--shard={shard}') == 2
    assert f'must be I/N with I from 0 to N - 1, such as 0/4, not {shard!r}' in (
        capsys.readouterr().err
    )
    assert not list(tmp_path.iterdir())

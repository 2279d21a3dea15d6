"""Runs on one output: they exclude each other or share the work."""

import json
import multiprocessing
import time

import pytest
import torch

from kmax_deeplab.locks import one_at_a_time
from projects.kmax.journal import Journal
from projects.kmax.pseudo_labels import shards

CONTEXT = multiprocessing.get_context('fork')


@pytest.fixture
def settings(whole):
    """What the journals of the run begin with."""
    info = json.loads(whole['labels.json'])['info']
    return {name: value for name, value in info.items() if name not in ('counts', 'unreadable')}


def _hold(path, settings, opened):
    """Keep a journal open, as does a data worker that outlives its parent."""
    with Journal(path, settings):
        CONTEXT.Process(target=time.sleep, args=(5,)).start()
        opened.set()
        time.sleep(60)


@pytest.fixture
def hold(fork, tmp_path, settings):
    """Return a function that starts a process that has a journal open."""

    def start(name):
        opened = CONTEXT.Event()
        process = fork(_hold, tmp_path / name, settings, opened)
        assert opened.wait(60)
        return process

    return start


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('labels.unfinished', ()),
        ('labels.1-of-2.unfinished', ()),
        ('labels.unfinished', ('--shard', '0/2')),
        ('labels.0-of-2.unfinished', ('--shard', '0/2')),
        ('labels.1-of-3.unfinished', ('--shard', '0/2')),
        ('labels.1-of-12.unfinished', ('--shard', '0/2')),
    ],
)
def test_second_run_is_refused_while_the_first_lives(
    name, options, tool, hold, tmp_path, out, whole, files_in
):
    first = hold(name)
    before = files_in(tmp_path)
    code, _ = tool(out, *options)
    start = f'pseudo_label.py: error: {tmp_path}/{name} is in use by process {first.pid} on '
    assert code.startswith(start) and code.endswith('or give another place to write to')
    assert files_in(tmp_path) == before and not out.exists()
    assert sorted(before) == [name, f'{name}.in_use']
    first.kill()
    first.join()
    assert tool(out)[0] == 0
    assert files_in(tmp_path) == whole


def test_shards_of_one_number_live_together(tool, hold, tmp_path, out, whole, files_in):
    other = hold('labels.1-of-2.unfinished')
    assert tool(out, '--shard', '0/2')[0] == 0
    before = files_in(tmp_path)
    assert 'labels.1-of-2.unfinished is in use' in tool(out)[0]
    assert files_in(tmp_path) == before
    other.kill()
    other.join()
    assert tool(out)[0] == 0
    assert files_in(tmp_path) == whole


def _start_slowly(out, shard, answers):
    """Open the journals, with time for others to do so between looking and beginning."""
    find = shards.find_journals

    def find_and_wait(path):
        found = find(path)
        time.sleep(0.2)
        return found

    shards.find_journals = find_and_wait
    try:
        with shards.open_journals(out, shard, dict(a=1)):
            answers.put(shard)
            time.sleep(60)
    except ValueError as error:
        answers.put(str(error))


def test_runs_that_start_at_once_exclude_each_other(fork, tmp_path):
    answers = CONTEXT.Queue()
    parts = (None, (0, 2), (1, 3))
    started = [fork(_start_slowly, tmp_path / 'labels', part, answers) for part in parts]
    answers = [answers.get(timeout=60) for _ in started]
    refused = [answer for answer in answers if isinstance(answer, str)]
    assert len(refused) == 2
    journal, _ = sorted(tmp_path.iterdir())
    assert all(answer.startswith(f'{journal} is in use by process') for answer in refused)


def _enter_often(path, marker, entered):
    for _ in range(50):
        with one_at_a_time(path):
            marker.touch(exist_ok=False)
            time.sleep(0.002)
            marker.unlink()
            with entered.get_lock():
                entered.value += 1


def test_one_at_a_time_leaves_no_file_that_two_processes_lock(fork, tmp_path):
    entered = CONTEXT.Value('i', 0)
    arguments = (tmp_path / 'lock', tmp_path / 'marker', entered)
    for process in [fork(_enter_often, *arguments) for _ in range(4)]:
        process.join(60)
    assert entered.value == 200
    assert not list(tmp_path.iterdir())


def test_shard_of_finished_work_says_so(tool, tmp_path, out, whole, files_in):
    tool(out)
    code, printed = tool(out, '--shard', '0/4')
    assert code == 0
    assert f'{out}.json is already there and whole: a shard has nothing left to do' in printed
    assert f'4 images are labelled in {out}.json, 0 left out' in printed
    assert 'this shard' not in printed and 'run without --shard' not in printed
    assert files_in(tmp_path) == whole


def test_shards_add_up_to_one_run(tool, tmp_path, out, whole, files_in):
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


def test_what_no_shard_has_done_is_done_in_the_end(tool, tmp_path, out, whole, files_in):
    assert '2 images' in tool(out, '--shard', '1/3')[1]
    done = (out / '12.png').stat().st_mtime_ns
    # Another division of the work, to which image 12 belongs as well.
    assert '1 images' in tool(out, '--shard', '1/2')[1]
    assert (out / '12.png').stat().st_mtime_ns == done
    assert tool(out)[0] == 0
    assert files_in(tmp_path) == whole


def test_shards_of_other_settings_are_refused(tool, out):
    tool(out, '--shard', '0/2')
    code, _ = tool(out, '--shard', '1/2', '--min-score', '0.1')
    assert 'labels.0-of-2.unfinished was begun with min_score=0.0, not 0.1' in code
    assert not (out / '12.png').exists()
    # Nothing is left that would contradict a run with the right ones.
    assert tool(out, '--shard', '1/2')[0] == 0


@pytest.mark.parametrize('shard', ['2/2', '1', '-1/2', 'a/b', '0/0'])
def test_wrong_shards_are_named(shard, command, tmp_path, capsys):
    assert command(tmp_path / 'labels', f'--shard={shard}') == 2
    message = f'must be I/N with I from 0 to N - 1, such as 0/4, not {shard!r}'
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_processes_of_a_launcher_share_the_images(
    command, tmp_path, whole, files_in, two_processes, monkeypatch
):
    def work(rank, port):
        # Threads of the parent are not in a forked process.
        torch.set_num_threads(1)
        place = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=2, MASTER_PORT=port)
        for name, value in dict(place, MASTER_ADDR='127.0.0.1').items():
            monkeypatch.setenv(name, str(value))
        return command(tmp_path / 'shared' / 'labels', '--launcher', 'pytorch')

    assert two_processes(work) == [0, 0]
    assert files_in(tmp_path / 'shared') == whole


def test_a_launcher_excludes_shards(tool, out):
    code, _ = tool(out, '--launcher', 'pytorch', '--shard', '0/2')
    assert '--launcher shares the images by itself and excludes --shard' in code
    assert not out.exists()

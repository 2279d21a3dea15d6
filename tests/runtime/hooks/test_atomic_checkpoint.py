import os
import re
import socket
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from helpers import checkpoint_files as files
from mmengine.fileio import get_file_backend

from kmax_deeplab import atomic_file
from projects.kmax.runtime import AtomicCheckpointHook, atomic_backend


@pytest.fixture
def backend():
    return get_file_backend(backend_args=dict(backend='atomic'))


@pytest.fixture
def training(tmp_path):
    """Have another process hold a work folder, as a training does, and return it."""
    code = (
        'import sys; from pathlib import Path; from kmax_deeplab.locks import hold_folder; '
        'hold_folder(Path(sys.argv[1])); print(flush=True); sys.stdin.read()'
    )
    command = [sys.executable, '-c', code, str(tmp_path / 'run')]
    with Popen(command, stdin=PIPE, stdout=PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def ended():
    """Return the number of a process that is no more."""
    with Popen([sys.executable, '-c', '']) as process:
        process.wait()
    return process.pid


def full_disk(descriptor):
    raise OSError(28, os.strerror(28))


def test_file_is_written_whole(backend, tmp_path):
    backend.put_text('old', tmp_path / 'folder' / 'file')
    backend.put(b'new', tmp_path / 'folder' / 'file')
    assert (tmp_path / 'folder' / 'file').read_bytes() == b'new'
    assert len(list((tmp_path / 'folder').iterdir())) == 1


def test_full_disk_leaves_the_old_file_alone(backend, tmp_path, monkeypatch):
    backend.put(b'old', tmp_path / 'file')
    monkeypatch.setattr(atomic_file.os, 'fsync', full_disk)
    with pytest.raises(OSError, match=r'cannot write .*/file of 3 bytes: No space left'):
        backend.put(b'new', tmp_path / 'file')
    assert [path.name for path in tmp_path.iterdir()] == ['file']
    assert (tmp_path / 'file').read_bytes() == b'old'


def test_old_checkpoints_go_after_the_new_one_is_written(toy, monkeypatch):
    seen = []
    put = atomic_backend.AtomicBackend.put

    def spy(self, content, path):
        seen.append((Path(path).name, files(Path(path).parent)))
        put(self, content, path)

    monkeypatch.setattr(atomic_backend.AtomicBackend, 'put', spy)
    others = ['results.json.1.2.partial', 'results.panoptic.partial']
    runner = toy(default_hooks__checkpoint__max_keep_ckpts=2)
    folder = Path(runner.work_dir)
    (folder / f'iter_6.pth.{ended()}.2.partial').write_bytes(b'of a killed run')
    (folder / 'results.panoptic.partial').mkdir()
    (folder / 'results.json.1.2.partial').write_bytes(b'of a test that may still run')
    runner.train()
    (folder / 'results.panoptic.partial').rmdir()
    (folder / 'results.json.1.2.partial').unlink()
    assert files(folder) == ['iter_6.pth', 'iter_8.pth']
    assert (folder / 'last_checkpoint').read_text() == str(folder / 'iter_8.pth')
    assert seen[-2:] == [
        ('iter_8.pth', ['iter_4.pth', 'iter_6.pth', *others]),
        ('last_checkpoint', ['iter_4.pth', 'iter_6.pth', 'iter_8.pth', *others]),
    ]


def test_checkpoints_do_not_fall_between_accumulated_iterations(toy):
    runner = toy(optim_wrapper__accumulative_counts=3)
    message = 'checkpoint.interval is 2, but optim_wrapper.accumulative_counts is 3'
    with pytest.raises(ValueError, match=message):
        runner.train()
    assert not list(Path(runner.work_dir).glob('*.pth'))


def test_full_disk_ends_training_with_the_former_checkpoint(toy, monkeypatch):
    runner = toy()
    folder = Path(runner.work_dir)
    replace = os.replace

    def fail(source, target):
        if Path(target).name == 'iter_4.pth':
            raise OSError(28, os.strerror(28))
        replace(source, target)

    monkeypatch.setattr(atomic_file.os, 'replace', fail)
    with pytest.raises(OSError, match='iter_4.pth of .* bytes: No space left on device'):
        runner.train()
    assert files(folder) == ['iter_2.pth']
    assert (folder / 'last_checkpoint').read_text() == str(folder / 'iter_2.pth')


def test_a_second_training_leaves_the_files_of_the_first(toy, training):
    runner = toy()
    folder = Path(runner.work_dir)
    alive = folder / f'iter_6.pth.{training.pid}.2.partial'
    alive.write_bytes(b'being written')
    (folder / 'iter_4.pth').write_bytes(b'written')
    owner = f'is in use by process {training.pid} on {socket.gethostname()} (-c {folder})'
    with pytest.raises(ValueError, match=re.escape(f'{folder} {owner}: wait until that run ends')):
        runner.train()
    assert alive.read_bytes() == b'being written'
    assert files(folder) == ['iter_4.pth', alive.name]


def test_a_killed_training_does_not_keep_the_folder(toy, training):
    runner = toy()
    folder = Path(runner.work_dir)
    (folder / f'iter_6.pth.{training.pid}.2.partial').write_bytes(b'half')
    training.kill()
    training.wait()
    runner.train()
    assert files(folder) and not list(folder.glob('*.partial'))
    assert not (folder / '.in_use').exists()


def test_what_a_living_process_writes_remains(toy):
    runner = toy()
    folder = Path(runner.work_dir)
    alive = folder / f'iter_6.pth.{os.getppid()}.2.partial'
    alive.write_bytes(b'being written')
    runner.train()
    assert alive.exists()


def test_best_by_what_validation_does_not_report_is_refused():
    hook = AtomicCheckpointHook(save_best='PQ')
    with pytest.raises(
        ValueError, match='save_best is PQ, which .*: choose among coco_panoptic/PQ'
    ):
        hook.after_val_epoch(None, {'coco_panoptic/PQ': 1.0})

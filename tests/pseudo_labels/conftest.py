"""The command that labels images, on five images and a tiny model."""

import multiprocessing

import pytest
import torch
from helpers import run_command

KEEP_ALL = ('--min-score', '0', '--min-area', '1', '--min-labelled', '0.1')
CONTEXT = multiprocessing.get_context('fork')


@pytest.fixture(scope='session')
def command(folder, named_weights, images):
    """Return a function that runs the command in this process and returns its exit status."""

    def run(out, *options, weights=named_weights, source=images):
        words = [folder / 'everything.py', weights, source, out, '--workers', 0, '--device', 'cpu']
        try:
            run_command('label', 'pseudo_label.py', *words, *KEEP_ALL, *options)
        except SystemExit as stopped:
            return stopped.code
        return 0

    return run


@pytest.fixture
def out(tmp_path):
    """Where labels are written to."""
    return tmp_path / 'labels'


@pytest.fixture
def tool(command, capsys):
    """Return a function that runs the command; it returns the exit status and what is printed.

    In place of the status 2 it returns the line of the error.
    """

    def run(*arguments, **changes):
        code = command(*arguments, **changes)
        printed = capsys.readouterr()
        if code == 2:
            assert printed.err.count('error: ') == 1
            code = printed.err.splitlines()[-1]
        return code, ' '.join(printed.out.split())

    return run


@pytest.fixture(scope='session')
def files_in():
    """Return a function from a folder to the content of every file in it."""

    def read(folder):
        paths = sorted(path for path in folder.rglob('*') if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}

    return read


@pytest.fixture(scope='session')
def whole(tmp_path_factory, command, files_in):
    """What an undisturbed run writes, by its names."""
    out = tmp_path_factory.mktemp('whole') / 'labels'
    assert command(out) == 0
    return files_in(out.parent)


@pytest.fixture
def fork():
    """Return a function that starts a function in a process of its own."""
    processes = []

    def start(function, *arguments):
        processes.append(CONTEXT.Process(target=_run, args=(function, *arguments)))
        processes[-1].start()
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.join()


def _run(function, *arguments):
    torch.set_num_threads(1)
    function(*arguments)

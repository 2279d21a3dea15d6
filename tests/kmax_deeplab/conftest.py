"""Copies of the light package, each beside a ``projects.kmax`` that only says where it is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kmax_deeplab


@pytest.fixture
def copy_to():
    """Return a function that puts both packages into a folder, as a wheel does."""

    def copy(folder):
        shutil.copytree(
            Path(kmax_deeplab.__file__).parent,
            folder / 'kmax_deeplab',
            ignore=shutil.ignore_patterns('__pycache__'),
        )
        (folder / 'projects' / 'kmax').mkdir(parents=True)
        (folder / 'projects' / 'kmax' / '__init__.py').write_text('print("ours:", __file__)')
        return folder

    return copy


@pytest.fixture
def site(copy_to, tmp_path):
    """Return a folder with both packages, which is on the path of Python by ``python``."""
    return copy_to(tmp_path / 'site')


@pytest.fixture
def work(tmp_path):
    """Return the folder that ``python`` runs in."""
    folder = tmp_path / 'work'
    folder.mkdir()
    return folder


@pytest.fixture
def python(site, work):
    """Return a function that runs Python in ``work``; its path holds ``path`` and then ``site``."""

    def run(*words, path=()):
        return subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=work,
            env={'PYTHONPATH': ':'.join(map(str, [*path, site]))},
            capture_output=True,
            text=True,
        )

    return run

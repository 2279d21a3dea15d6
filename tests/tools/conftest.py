"""The conversion command in this process."""

import importlib.util
import sys
from pathlib import Path

import pytest

import projects.kmax

ROOT = Path(projects.kmax.__file__).parents[2]


@pytest.fixture
def convert_checkpoint(monkeypatch):
    """Return a function that runs tools/convert_checkpoint.py with its arguments."""
    spec = importlib.util.spec_from_file_location(
        'kmax_convert', ROOT / 'tools/convert_checkpoint.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['convert_checkpoint.py', *map(str, arguments)])
        module.main()

    return run


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.fixture
def conversion_error(convert_checkpoint, tmp_path, capsys):
    """Return a function that gives the error of a run that must fail and change no file."""

    def run(*arguments):
        before = contents(tmp_path)
        with pytest.raises(SystemExit) as end:
            convert_checkpoint(*arguments)
        assert contents(tmp_path) == before
        if end.value.code == 2:
            return capsys.readouterr().err
        # Python prints any other text and ends with 1.
        assert isinstance(end.value.code, str)
        assert end.value.code.startswith('convert_checkpoint.py: error: ')
        return end.value.code

    return run

"""Runs of the conversion command that must fail."""

import pytest


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

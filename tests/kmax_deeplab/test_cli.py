"""The command: what it lists, what it refuses, and that tools are the same functions."""

import importlib
import re
import subprocess
import sys

import pytest
from imports import ROOT

import projects.kmax  # noqa: F401
from kmax_deeplab.cli import COMMANDS, main, module_of


@pytest.fixture
def refused(capsys):
    """Return a function that gives the one line that ends the command with status 2."""

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 2
        out, err = capsys.readouterr()
        assert out == '' and err.count('\n') == 1
        return err.rstrip('\n')

    return run


def test_help_lists_the_subcommands_without_torch():
    code = (
        'import sys, kmax_deeplab.cli\n'
        'try: kmax_deeplab.cli.main(["--help"])\n'
        'finally: assert not {"torch", "numpy"} & {*sys.modules}'
    )
    result = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    listed = result.stdout.partition('subcommands:\n')[2].partition('\n\n')[0]
    assert re.findall(r'^  ([a-z][\w-]+) +[a-z]', listed, re.MULTILINE) == [*COMMANDS]


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(['--version'])
    assert end.value.code == 0
    assert capsys.readouterr().out == 'kmax-deeplab 0.1.0\n'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['trian'], 'there is no subcommand trian, did you mean train?; see kmax-deeplab --help'),
        (['xyz'], 'there is no subcommand xyz; see kmax-deeplab --help'),
        ([''], 'there is no subcommand (empty); see kmax-deeplab --help'),
        ([], 'a subcommand is missing; see kmax-deeplab --help'),
        (['--amp'], 'unrecognized arguments: --amp; see kmax-deeplab --help'),
    ],
)
def test_wrong_subcommands(words, message, refused):
    assert refused(*words) == f'kmax-deeplab: error: {message}'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ('kmax_nano_shapes-panoptic --tta', '--tta is an option of test, not of this subcommand'),
        ('kmax_nano_shapes-panoptic --xyz', 'unrecognized arguments: --xyz'),
        ('', 'the following arguments are required: configs'),
        (
            'kmax_nano_shape-panoptic',
            'argument configs: file kmax_nano_shape-panoptic does not exist, nor a config of that '
            'name; did you mean kmax_nano_shapes-panoptic',
        ),
    ],
)
def test_wrong_options_of_a_subcommand(words, message, refused):
    line = refused('cost', *words.split())
    assert line.startswith(f'kmax-deeplab cost: error: {message}')
    assert line.endswith('; see kmax-deeplab cost --help')


def test_help_of_a_subcommand_calls_it_by_its_name(capsys):
    with pytest.raises(SystemExit) as end:
        main(['train', '--help'])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith('usage: kmax-deeplab train [-h]')
    with pytest.raises(SystemExit):
        main(['predict', '--help'])
    printed = capsys.readouterr().out
    assert 'videos: ``kmax-deeplab predict IMAGES... --out DIR``.' in printed
    with pytest.raises(SystemExit):
        main(['prepare-unlabeled', '--help'])
    printed = capsys.readouterr().out
    assert 'kmax-deeplab test' in printed and 'kmax-deeplab label' in printed
    assert '.py' not in printed


def test_errors_of_a_subcommand_have_its_name(tmp_path, capsys):
    (tmp_path / 'config.py').write_text('a = 1')
    with pytest.raises(SystemExit) as end:
        main(['cost', str(tmp_path / 'config.py')])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert re.fullmatch('kmax-deeplab cost: error: .*has no model.*\n', err)


def test_every_tool_runs_a_subcommand():
    tools = [*ROOT.glob('tools/*.py'), *ROOT.glob('tools/dataset_converters/*.py')]
    called = [name for path in tools for name in re.findall(r"run\('(.*)'\)", path.read_text())]
    assert sorted(called) == sorted(COMMANDS)
    for name in COMMANDS:
        module = importlib.import_module(module_of(name))
        assert callable(module.main)

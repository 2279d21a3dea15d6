"""The help of every command ends with examples, which are command lines that it takes."""

import re
import shlex
import subprocess
import sys
from argparse import ArgumentParser

import pytest
from imports import ROOT

from kmax_deeplab import cli
from projects.kmax.commands.analyze import KINDS

COMMANDS = [*cli.COMMANDS, *(f'analyze {kind}' for kind in KINDS)]
MOST, WIDTH = 3, 96


def examples_in(text):
    """Return the command lines that end a help, with the white space before the first word."""
    block = text.rpartition('\n\nexamples:\n')[2]
    assert block != text
    return block.rstrip('\n').replace('\\\n', '').splitlines()


@pytest.fixture
def parse(monkeypatch):
    """Return a function that parses a command line, without a look at the files that it names.

    It returns the status with which that ends.
    """
    whole = ArgumentParser.parse_args

    def parse_args(parser, words=None, namespace=None):
        for action in parser._actions:
            action.type = None
        args = whole(parser, words, namespace)
        if parser.prog == 'kmax-deeplab analyze':  # Another parser reads the rest.
            return args
        raise SystemExit(0)

    def run(line):
        with pytest.raises(SystemExit) as end:
            cli.main(shlex.split(line, comments=True))
        return end.value.code

    monkeypatch.setattr(ArgumentParser, 'parse_args', parse_args)
    return run


@pytest.fixture
def help_of(capsys):
    """Return a function that gives the help of a command."""

    def run(command, call=cli.main):
        with pytest.raises(SystemExit) as end:
            call([*command.split(), '--help'])
        assert end.value.code in (0, None)
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize('command', COMMANDS)
def test_every_help_ends_with_examples_of_the_command(command, help_of):
    text = help_of(command)
    found = examples_in(text)
    assert 1 <= len(found) <= MOST
    for line in found:
        assert line.startswith(f'  kmax-deeplab {command} ') or line == f'  kmax-deeplab {command}'
    assert max(map(len, text.partition('\nexamples:\n')[2].splitlines())) <= WIDTH
    assert len(set(found)) == len(found)


@pytest.mark.parametrize('command', COMMANDS)
def test_the_examples_are_lines_that_the_command_takes(command, help_of, parse):
    for line in examples_in(help_of(command)):
        assert parse(line.strip().removeprefix('kmax-deeplab ')) == 0, line


def test_the_check_of_examples_finds_what_a_command_does_not_take(parse, capsys):
    for line in ('shapes data/shapes --trian 8', 'shapes', 'curve a --out', 'analyze curve a'):
        assert parse(line) == 2
        assert ': error: ' in capsys.readouterr().err


def test_the_first_help_shows_commands_of_three_kinds(help_of, parse):
    found = examples_in(help_of(''))
    assert [line.split()[1] for line in found] == ['predict', 'shapes', 'train']
    assert [parse(line.strip().removeprefix('kmax-deeplab ')) for line in found] == [0, 0, 0]


def test_configs_and_published_models_of_examples_exist(help_of):
    from kmax_deeplab.configs import find_config

    named = {
        word
        for command in COMMANDS
        for line in examples_in(help_of(command))
        for word in shlex.split(line, comments=True)
        if re.fullmatch(r'kmax_[^/.]+', word)
    }
    assert {'kmax_nano_shapes-panoptic', 'kmax_r50_coco'} <= named
    assert all(map(find_config, named))


@pytest.mark.parametrize('called', ['tools/predict.py', '/a b/predict.py'])
def test_the_help_of_a_tool_calls_it_as_it_was_called(called, help_of, monkeypatch):
    monkeypatch.setattr(sys, 'argv', [called])
    text = help_of('', lambda words: cli.run('predict', words))
    for line in examples_in(text):
        assert line.startswith(f'  python {shlex.quote(called)} ')
    assert 'kmax-deeplab' not in text.partition('examples:')[2]


@pytest.mark.parametrize('kind', KINDS)
def test_the_help_of_what_analyze_compares_calls_the_tool(kind, help_of, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['tools/analyze.py'])
    for line in examples_in(help_of(kind, lambda words: cli.run('analyze', words))):
        assert line.startswith(f'  python tools/analyze.py {kind} ')


def test_a_text_of_one_line_is_wrapped_and_others_are_left(capsys):
    long = ' '.join(['word'] * 60)
    for text in (long, f'{long}\n\n    {long}'):
        with pytest.raises(SystemExit):
            cli.Parser(prog='x.py', description=text).parse_args(['--help'])
        shown = capsys.readouterr().out
        assert (long in shown) == ('\n' in text)
        assert shown.count('word') == text.count('word')
        assert 'examples' not in shown


def run_module(*words):
    command = [sys.executable, '-m', 'kmax_deeplab', *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_package_runs_as_the_command():
    result = run_module('--version')
    assert (result.returncode, result.stdout, result.stderr) == (0, 'kmax-deeplab 0.1.0\n', '')
    assert run_module('curve', '--help').stdout.startswith('usage: kmax-deeplab curve [-h]')
    for words, line in (
        (['trian'], 'kmax-deeplab: error: there is no subcommand trian, did you mean train?; see '),
        (['curve'], 'kmax-deeplab curve: error: the following arguments are required: work_dir; '),
        (['curve', 'absent'], 'kmax-deeplab curve: error: '),
    ):
        result = run_module(*words)
        assert (result.returncode, result.stdout) == (2, '')
        assert result.stderr.startswith(line) and result.stderr.count('\n') == 1

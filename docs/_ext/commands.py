"""Makes the sections of docs/cli.md from the parsers of the commands, which load no torch."""

import importlib
import os
import re
from argparse import SUPPRESS, Action, ArgumentParser, HelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from unittest import mock

from kmax_deeplab.cli import COMMAND, COMMANDS, module_of, run

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGE = 'cli'
OF_THE_MACHINE = {'workers': 'one per core, 8 at most', 'device': 'a GPU where there is one'}
"""Defaults that are found where a command runs."""

OF_ALL = ('help', 'traceback')
"""Options that the page tells once."""

EXAMPLES = re.compile(r'^examples:\n((?:(?:  .*)?\n)*)\n*', re.MULTILINE)


def parser_of(name: str, words: Sequence[str] = ()) -> ArgumentParser:
    """Return the parser whose help a command shows."""
    found: list[ArgumentParser] = []
    with mock.patch.object(ArgumentParser, 'print_help', lambda parser: found.append(parser)):
        with suppress(SystemExit):
            run(name, [*words, '--help'], f'{COMMAND} {name}')
    return found[0]


def parsers_of(name: str) -> Iterator[ArgumentParser]:
    """Yield the parser of a command, and those of the kinds that it is told first, if any."""
    parser = parser_of(name)
    yield parser
    first = next((action for action in parser._actions if not action.option_strings), None)
    for kind in (first and first.choices) or ():
        own = parser_of(name, [kind])
        if own.prog != parser.prog:
            yield own


def section(parser: ArgumentParser) -> str:
    """Return what the page says of a command: usage, description, options, examples."""
    with mock.patch.dict(os.environ, COLUMNS='84'):
        usage = parser.format_usage().removeprefix('usage: ').replace('\n       ', '\n')
        formatter = parser._get_formatter()
    shown = (action for action in parser._actions if action.help != SUPPRESS)
    rows = [_row(action, formatter) for action in shown if action.dest not in OF_ALL]
    epilog = f'{parser.epilog or ""}\n'
    examples = EXAMPLES.search(epilog)
    lines = re.sub('^  ', '', examples[1].rstrip(), flags=re.MULTILINE) if examples else ''
    return '\n\n'.join(
        part
        for part in (
            f'## {parser.prog.removeprefix(COMMAND).strip()}',
            _as_markdown(parser.description or ''),
            f'```text\n{usage.rstrip()}\n```',
            f'```bash\n{lines}\n```' if lines else '',
            '\n'.join(['| | |', '|---|---|', *rows]) if rows else '',
            _as_markdown(EXAMPLES.sub('', epilog).strip()),
        )
        if part
    )


def _row(action: Action, formatter: HelpFormatter) -> str:
    called = formatter._format_action_invocation(action).replace('|', r'\|')
    text = formatter._expand_help(action) if action.help else ''
    default = OF_THE_MACHINE.get(action.dest, action.default)
    silent = default is None or default is False or default in (SUPPRESS, [])
    if action.option_strings and not silent and 'default:' not in text:
        shown = ' '.join(map(str, default)) if isinstance(default, list | tuple) else default
        text = f'{text} (default: {shown})' if text else f'default: {shown}'
    return f'| `{called}` | {_as_markdown(text).replace("|", chr(92) + "|")} |'


def _as_markdown(text: str) -> str:
    """Make code of options and of what stands in quotes; both would become dashes and curls."""
    parts = re.split(r'(``[^`]+``|^ {4}.*$)', text, flags=re.MULTILINE)
    options = r'(?<![\w-])(--[a-z][\w-]*|"[^"\s]+"|\S+="\S+")'
    parts[::2] = [re.sub(options, r'`\1`', part) for part in parts[::2]]
    return ''.join(parts)


def append(app: 'Sphinx', docname: str, source: list[str]) -> None:
    """Put the sections below the page's table, whose names lead to them."""
    if docname != PAGE:
        return
    for name in COMMANDS:
        app.env.note_dependency(str(importlib.import_module(module_of(name)).__file__))
    linked = re.sub(r'^\| `([\w-]+)` \|', r'| [`\1`](#\1) |', source[0], flags=re.MULTILINE)
    made = (section(parser) for name in COMMANDS for parser in parsers_of(name))
    source[0] = '\n\n'.join([linked.rstrip(), *made]) + '\n'


def setup(app: 'Sphinx') -> dict[str, bool]:
    """Let Sphinx know it."""
    app.connect('source-read', append)
    return {'parallel_read_safe': True}

"""What the words of a documented command say, held against what there is."""

import io
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from unittest import mock

from kmax_deeplab.cli import COMMANDS, module_of
from kmax_deeplab.configs import find_config
from kmax_deeplab.namespace import COMMAND

from .pages import Command

ROOT = Path(__file__).resolve().parents[2]
KNOWN = re.compile(r'(configs|tools|tests|docs|examples|requirements)[\w./-]*\.(py|sh|txt|md)$')
"""Files of the clone."""

NAMED = re.compile(r'kmax_[\w.-]+-(panoptic|semantic)[\w.-]*$')
"""Configs by name."""


SCRIPTS = {
    'tools/dist_train.sh': 'train',
    'tools/slurm_train.sh': 'train',
    'tools/dist_test.sh': 'test',
}
"""Commands that scripts start, and hand their options to."""


def faults_of(command: Command) -> Iterator[str]:
    """Yield what is wrong with a command."""
    words = [word for word in command.words if word != 'srun']
    for word in words:
        if KNOWN.match(word) and not (ROOT / word).is_file():
            if 'CONFIG' not in word:
                yield f'there is no {word}'
        elif NAMED.match(word) and '/' not in word and not _is_config(word):
            yield f'there is no config {word}'
    if words[0] == 'pip':
        yield from _extras(words)
    name, rest = own_command(words)
    if name is None:
        return
    if name not in COMMANDS and not name.startswith('benchmarks.'):
        yield f'there is no command {name}'
        return
    known = _options(name, rest[0] if rest and not rest[0].startswith('-') else '')
    for word in rest:
        option = word.partition('=')[0]
        if option.startswith('--') and option not in known:
            yield f'{name} has no option {option}'
        if option == '--cfg-options':
            break


def own_command(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return which of our commands is run, and its words; None where it is none of them."""
    first, *rest = words
    if first == 'docker' and rest[:1] == ['run'] and COMMAND in rest:
        first, rest = COMMAND, rest[rest.index(COMMAND) + 1 :]
    if first == COMMAND:
        named = bool(rest) and not rest[0].startswith('-')
        return (rest[0], rest[1:]) if named else (None, [])
    if first == 'bash' and rest[0] in SCRIPTS:
        return SCRIPTS[rest[0]], rest[1:]
    if first == 'bash' and rest[0] == 'tools/dist_run.sh' and len(rest) > 2:
        own = (word for word in rest[3:] if not re.match('--(max[-_]restarts|rdzv)', word))
        first, rest = 'python', [f'tools/{rest[2]}', *own]
    if first == 'python' and rest and rest[0].startswith('tools/') and (ROOT / rest[0]).is_file():
        called = re.search(r"(run|of_clone)\('([\w.-]+)'\)", (ROOT / rest[0]).read_text())
        return (called[2], rest[1:]) if called else (None, [])
    return None, []


@cache
def help_of(name: str, first: str = '') -> str:
    """Return what the help of a command says, or that of its first word."""
    module = import_module(name if name not in COMMANDS else module_of(name))
    shown = io.StringIO()
    words = [first, '--help'] if first else ['--help']
    called = [f'{COMMAND} {name}'] if name in COMMANDS else []
    with redirect_stdout(shown), redirect_stderr(io.StringIO()), suppress(SystemExit):
        # Those of benchmarks read nothing else.
        with mock.patch.object(sys, 'argv', [name, *words]):
            module.main(*([words, *called] if called else []))
    return shown.getvalue()


@cache
def _options(name: str, first: str) -> frozenset[str]:
    """Return the options that the help of a command, and of its first word, tells."""
    text = help_of(name) + (help_of(name, first) if first else '')
    return frozenset(re.findall(r'--[a-z][\w-]*', text))


def _extras(words: Sequence[str]) -> Iterator[str]:
    known = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['optional-dependencies']
    for word in words:
        if extras := re.fullmatch(r'(?:kmax-deeplab|\.)\[(.+)\]', word):
            yield from (f'there is no extra {e}' for e in extras[1].split(',') if e not in known)


def _is_config(name: str) -> bool:
    try:
        find_config(name.removesuffix('.py'))
    except (OSError, ValueError):
        return False
    return True

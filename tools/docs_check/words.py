"""What the words of a documented command say, held against what there is."""

import ast
import io
import re
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path
from unittest import mock

from kmax_deeplab.cli import COMMANDS, make_parser, module_of
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

OF_OTHERS = (
    *('--collect-only', '--build-arg', '--gpus', '--shm-size', '--signal', '--use-train-id'),
    *('--conf-threshold', '--conv-mask-to-poly', '--allow-unmatched-labels', '--clear-existing'),
    '--mode',
)
"""Options of pytest, Docker, Slurm, cityscapesScripts, CVAT and deeplab2, which texts name."""

PATTERNS = ('X', 'COMMAND', 'SUBCOMMAND', '...')
"""What stands for the name of any command."""


def faults_of(command: Command) -> Iterator[str]:
    """Yield what is wrong with a command, or with a part of one."""
    words = [word for word in command.words if word != 'srun']
    for word in words:
        if KNOWN.match(word) and not (ROOT / word).is_file():
            if 'CONFIG' not in word and 'X.' not in word:
                yield f'there is no {word}'
        elif NAMED.match(word) and '/' not in word and not _is_config(word):
            yield f'there is no config {word}'
    if words[:1] == ['pip']:
        yield from _extras(words)
    part = command.block is None
    name, rest = own_command(words, part)
    if name is None:
        yield from _options_of_file(words)
    elif name in COMMANDS or '.' in name:  # A module that only a clone has.
        yield from _refused(name, rest, whole=not part and words[0] != 'bash')
    elif name not in PATTERNS:
        yield f'there is no command {name}'


def option_fault(option: str) -> str | None:
    """Tell whether an option that stands alone in a text is one of any command, or of others."""
    known = option in _all_options() or option in OF_OTHERS
    return None if known else f'no command has the option {option}'


def own_command(words: Sequence[str], part: bool = False) -> tuple[str | None, list[str]]:
    """Return which of our commands is run, and its words; None where it is none of them.

    Args:
        words: The whole command, or a part that a text calls by the name of the command alone.
        part: Whether it may be such a part.
    """
    first, *rest = words or ['']
    if first == 'docker' and rest[:1] == ['run'] and COMMAND in rest:
        first, rest = COMMAND, rest[rest.index(COMMAND) + 1 :]
    if first == 'python' and rest[:2] == ['-m', 'kmax_deeplab']:
        first, rest = COMMAND, rest[2:]
    if part and first in COMMANDS:
        return first, rest
    if first == COMMAND:
        named = bool(rest) and not rest[0].startswith('-')
        return (rest[0], rest[1:]) if named else (None, [])
    script = rest[0] if rest else ''
    if first == 'bash' and script in SCRIPTS:
        return SCRIPTS[script], rest[1:]
    if first == 'bash' and script == 'tools/dist_run.sh' and len(rest) > 2:
        own = (word for word in rest[3:] if not re.match('--(max[-_]restarts|rdzv)', word))
        first, script, rest = 'python', f'tools/{rest[2]}', ['', *own]
    if first == 'python' and script.startswith('tools/') and (ROOT / script).is_file():
        called = re.search(r"(run|of_clone)\('([\w.-]+)'\)", (ROOT / script).read_text())
        return (called[2], rest[1:]) if called else (None, [])
    return None, []


@cache
def help_of(name: str) -> str:
    """Return what the help of a command says."""
    shown = io.StringIO()
    with redirect_stdout(shown):
        _call(name, ['--help'])
    return shown.getvalue()


def _call(name: str, words: list[str]) -> int | str | None:
    """Call a command as its program does, and return with what it ends."""
    try:
        if name in COMMANDS:
            import_module(module_of(name)).main(words, f'{COMMAND} {name}')
        else:
            with mock.patch.object(sys, 'argv', [name, *words]):
                import_module(name).main()
    except SystemExit as stop:
        return stop.code
    return None


def _refused(name: str, words: list[str], whole: bool) -> Iterator[str]:
    """Yield what the parser of a command has against its words; it looks at no files.

    Of a part of a command the options alone are looked at.
    """
    parse = ArgumentParser.parse_args
    missing: list[str] = []

    def parse_args(
        parser: ArgumentParser, given: Sequence[str] | None = None, namespace: object = None
    ) -> object:
        given = sys.argv[1:] if given is None else list(given)
        # Of some commands the first word chooses the parser of the others.
        if len(words) > 1 and given == words[:1]:
            return parse(parser, given, namespace)
        options = [word.partition('=')[0] for word in given if word.startswith('--')]
        missing.extend(word for word in options if word not in parser._option_string_actions)
        if whole and not missing:
            for action in parser._actions:
                action.type = None
            parse(parser, given, namespace)
        raise SystemExit(0)

    told = io.StringIO()
    with mock.patch.object(ArgumentParser, 'parse_args', parse_args), redirect_stderr(told):
        code = _call(name, words)
    yield from (f'{name} has no option {option}' for option in missing)
    if whole and code not in (0, None):
        yield told.getvalue().strip().partition(': error: ')[2].partition('; see ')[0]


def _options_of_file(words: Sequence[str]) -> Iterator[str]:
    """Yield options of a script of the clone that do not stand in it."""
    if words[0] in ('python', 'bash') and len(words) > 1 and (ROOT / words[1]).is_file():
        text = (ROOT / words[1]).read_text()
        for option in (word.partition('=')[0] for word in words if word.startswith('--')):
            if option not in text:
                yield f'{words[1]} has no option {option}'


@cache
def _all_options() -> frozenset[str]:
    folders = (ROOT / 'tools', ROOT / 'examples')
    files = [file for folder in folders for file in folder.rglob('*')]
    tools = [file.read_text() for file in files if file.suffix in ('.py', '.sh')]
    texts = [*map(help_of, COMMANDS), make_parser().format_help(), *tools]
    return frozenset(option for text in texts for option in re.findall(r'--[a-z][\w-]*', text))


def missing_names(code: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the lines of imports of ours that have no such module, or no such name in it."""
    for node in ast.walk(code):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.partition('.')[0] in ('projects', 'kmax_deeplab'):
                names = _names_in(node.module)
                if names is None:
                    yield node.lineno, f'there is no module {node.module}'
                else:
                    for alias in node.names:
                        if alias.name not in names:
                            yield node.lineno, f'{node.module} has no {alias.name}'


@cache
def _names_in(module: str) -> frozenset[str] | None:
    path = ROOT.joinpath(*module.split('.'))
    file = path / '__init__.py' if path.is_dir() else path.with_suffix('.py')
    if not file.is_file():
        return None
    # Names, texts of lazy ones too, and modules beside it.
    found = set(re.findall(r'\w+', file.read_text()))
    return frozenset(found | {inner.stem for inner in file.parent.iterdir()})


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

"""Hold README and docs against the code: commands, options, configs, files, links, code blocks.

``python tools/check_docs.py`` reads all pages and names file, line and command of each fault. With
``--run`` it also runs the commands, and those of each ``--help``, which takes minutes, and lists
what is not run, and why.
"""

import ast
import json
import os
import re
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from kmax_deeplab.cli import COMMANDS, Parser, make_parser
from kmax_deeplab.errors import one_line
from kmax_deeplab.namespace import COMMAND

from .pages import Block, Page, Place
from .plans import Plan, plan
from .running import Reader
from .words import ROOT, faults_of, help_of, missing_names, option_fault

PAGES = ('*.md', '.github/*.md', 'projects/kmax/README.md', 'tests/data/*.md', 'docs/**/*.md')
EXAMPLES = """
python tools/check_docs.py
python tools/check_docs.py --run --only docs/training.md   # the commands of a page
"""
OPTION = re.compile(r'--[a-z][\w-]*($|[ =])')
PARSERS = dict(python=ast.parse, json=json.loads, yaml=yaml.safe_load)


def read_pages(root: Path = ROOT) -> list[Page]:
    """Read all pages of a clone."""
    files = [path for pattern in PAGES for path in sorted(root.glob(pattern))]
    return [
        Page(str(path.relative_to(root)), path.read_text())
        for path in files
        if '_build' not in path.parts
    ]


def read_helps() -> list[Page]:
    """Read the examples of the helps of all commands, and of what lists these."""
    helps = {f'{COMMAND} {name} --help': help_of(name) for name in COMMANDS}
    helps[f'{COMMAND} --help'] = make_parser().format_help()
    return [Page(called, _examples(text)) for called, text in helps.items()]


def _examples(text: str) -> str:
    """Return the examples as a block of a shell, on the same lines."""
    before, found, examples = text.partition('\nexamples:\n')
    return '\n' * (before.count('\n') + 1) + f'```bash\n{examples.rstrip()}\n```' if found else ''


def find_faults(pages: Sequence[Page], root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong, each with its place."""
    anchors = {page.file: page.anchors for page in pages}
    for page in pages:
        yield from page.faults
        for block in page.blocks:
            yield from (f'{place}: {fault}' for place, fault in _unparsable(block))
        for command in page.commands:
            found = [*faults_of(command)]
            if not (found or plan(command).words or plan(command).reason):
                found = ['no rule says whether to run this']
            yield from (f'{command.place}: {fault}: {command}' for fault in found)
        for command in page.parts():
            yield from (f'{command.place}: {fault}: {command}' for fault in faults_of(command))
        for place, span in page.spans:
            if OPTION.match(span) and (fault := option_fault(span.partition('=')[0].split()[0])):
                yield f'{place}: {fault}'
        for place, target in page.links:
            if fault := _dead(root, page, target, anchors):
                yield f'{place}: {fault}'


def _unparsable(block: Block) -> Iterator[tuple[Place, str]]:
    parse = PARSERS.get(block.language)
    if parse is None:
        return
    place = block.place
    try:
        code = parse(textwrap.dedent(block.text))
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        mark = getattr(error, 'problem_mark', None)
        line = mark.line + 1 if mark else getattr(error, 'lineno', None) or 1
        at = Place(place.file, place.line + line - 1)
        yield at, f'this is no {block.language}: {str(error).partition(chr(10))[0]}'
        return
    if isinstance(code, ast.AST):
        for line, fault in missing_names(code):
            yield Place(place.file, place.line + line - 1), fault


def _dead(root: Path, page: Page, target: str, anchors: dict[str, set[str]]) -> str | None:
    if '://' in target or target.startswith('mailto:'):
        return None
    name, _, anchor = target.partition('#')
    path = (root / page.file).parent / name if name else root / page.file
    if not path.exists():
        return f'there is no {target}'
    if not path.resolve().is_relative_to(root.resolve()):
        return f'{target} leaves the clone'
    file = str(path.resolve().relative_to(root.resolve()))
    if anchor and file in anchors and anchor not in anchors[file]:
        return f'{file} has no heading #{anchor}'
    return None


def make_plans(pages: Sequence[Page], only: str = '') -> list[Plan]:
    """Decide what becomes of the commands that, with their place, hold a text."""
    commands = [command for page in pages for command in page.commands]
    return [plan(command) for command in commands if only in f'{command.place} {command}']


def main(argv: Sequence[str] | None = None) -> None:
    """Check as the command line says; end with 1 where there are faults."""
    parser = Parser(prog='check_docs.py', description=__doc__, examples=EXAMPLES)
    parser.add_argument('--run', action='store_true', help='run the commands, too')
    parser.add_argument(
        '--only', default='', metavar='TEXT', help='run those alone that, with their place, hold it'
    )
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='blocks at once')
    args = parser.parse_args(argv)
    if args.workers < 1:
        parser.error(f'--workers must be at least 1, got {args.workers}')
    if args.only and not args.run:
        parser.error('--only chooses what --run runs')
    pages = [*read_pages(), *read_helps()]
    plans = make_plans(pages, args.only)
    if not plans:
        parser.error(f'--only: no command holds {args.only}, nor does its place')
    faults = list(find_faults(pages))
    if args.run:
        faults += _run(plans, args.workers)
    print(f'{len(pages)} pages, {len(faults)} faults')
    for fault in faults:
        print(fault)
    if faults:
        raise SystemExit(1)


def _run(plans: Sequence[Plan], workers: int) -> Iterator[str]:
    """Run commands, tell of each how it ended or why it is not run, and yield the faults."""
    counts = Counter(plan.reason for plan in plans)
    for reason, number in sorted((str(r), n) for r, n in counts.items() if r is not None):
        print(f'\n{number} commands are not run: {reason}')
        for skipped in plans:
            if skipped.reason == reason:
                print(f'  {skipped.command.place}: {skipped.command}')
    print(f'\n{counts[None]} commands are run')
    with Reader() as reader:
        for ran in reader.run(plans, workers):
            place, words = ran.plan.command.place, one_line(shlex.join(ran.plan.words))
            print(f'  {place}: {words}: {ran.fault or "runs"}, {ran.seconds:.0f} s', flush=True)
            if ran.fault is not None:
                yield f'{place}: {ran.fault}: {words}'
    print()

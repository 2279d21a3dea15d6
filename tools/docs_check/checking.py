"""Hold README and docs against the code: commands, options, configs, files, links, code blocks.

``python tools/check_docs.py`` reads all pages and names file, line and command of each fault. With
``--run`` it also runs every command that needs neither a download nor a cluster nor a server, in a
folder of its own with drawn data and a model trained for some iterations; those that are left out
are listed with the reason.
"""

import ast
import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from kmax_deeplab.cli import Parser

from .pages import Block, Command, Page
from .words import ROOT, faults_of

PAGES = ('README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'projects/kmax/README.md', 'docs/**/*.md')
PARSERS = dict(python=ast.parse, json=json.loads, yaml=yaml.safe_load)


def read_pages(root: Path = ROOT) -> list[Page]:
    """Read all pages of a clone."""
    files = [path for pattern in PAGES for path in sorted(root.glob(pattern))]
    return [Page(root, str(path.relative_to(root))) for path in files if '_build' not in path.parts]


def find_faults(pages: Sequence[Page], root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong, each with its place."""
    anchors = {page.file: page.anchors() for page in pages}
    for page in pages:
        for block in page.blocks:
            yield from _unparsable(block)
        try:
            for command in page.commands():
                yield from (f'{command.place}: {fault}: {command}' for fault in faults_of(command))
        except ValueError as error:
            yield str(error)
        for place, target in page.links():
            if fault := _dead(root, page, target, anchors):
                yield f'{place}: {fault}'


def _unparsable(block: Block) -> Iterator[str]:
    parse = PARSERS.get(block.language)
    if parse is None:
        return
    try:
        parse(textwrap.dedent(block.text))
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        reason = str(error).partition('\n')[0]
        yield f'{block.place}: this is no {block.language}: {reason}'


def _dead(root: Path, page: Page, target: str, anchors: dict[str, set[str]]) -> str | None:
    if '://' in target or target.startswith('mailto:'):
        return None
    name, _, anchor = target.partition('#')
    path = (root / page.file).parent / name if name else root / page.file
    if not path.exists():
        return f'there is no {target}'
    file = str(path.resolve().relative_to(root.resolve()))
    if anchor and file in anchors and anchor not in anchors[file]:
        return f'{file} has no heading #{anchor}'
    return None


def main(argv: Sequence[str] | None = None) -> None:
    """Check as the command line says; end with 1 where there are faults."""
    parser = Parser(prog='check_docs.py', description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('--run', action='store_true', help='run the commands, too')
    parser.add_argument('--only', nargs='+', metavar='PAGE', help='run those of these pages alone')
    args = parser.parse_args(argv)
    pages = read_pages()
    faults = list(find_faults(pages))
    commands = [command for page in pages for command in page.commands()]
    print(f'{len(pages)} pages, {len(commands)} commands, {len(faults)} faults')
    if args.run and not faults:
        from .running import run_commands

        chosen = [c for c in commands if args.only is None or c.place.file in args.only]
        faults = run_commands(chosen)
    for fault in faults:
        print(fault)
    if faults:
        raise SystemExit(1)


__all__ = ['Command', 'find_faults', 'main', 'read_pages']

"""Hold README and docs against the code: commands, options, configs, files, links, code blocks.

``python tools/check_docs.py`` reads all pages and names file, line and command of each fault. It
runs none of the commands.
"""

import ast
import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from kmax_deeplab.cli import Parser

from .pages import Block, Page
from .words import ROOT, faults_of

PAGES = ('*.md', '.github/*.md', 'projects/kmax/README.md', 'tests/data/*.md', 'docs/**/*.md')
PARSERS = dict(python=ast.parse, json=json.loads, yaml=yaml.safe_load)


def read_pages(root: Path = ROOT) -> list[Page]:
    """Read all pages of a clone."""
    files = [path for pattern in PAGES for path in sorted(root.glob(pattern))]
    return [Page(root, str(path.relative_to(root))) for path in files if '_build' not in path.parts]


def find_faults(pages: Sequence[Page], root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong, each with its place."""
    anchors = {page.file: page.anchors() for page in pages}
    for page in pages:
        if page.unclosed is not None:
            yield f'{page.unclosed}: this code block has no end'
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
    if not path.resolve().is_relative_to(root.resolve()):
        return f'{target} leaves the clone'
    file = str(path.resolve().relative_to(root.resolve()))
    if anchor and file in anchors and anchor not in anchors[file]:
        return f'{file} has no heading #{anchor}'
    return None


def main(argv: Sequence[str] | None = None) -> None:
    """Check as the command line says; end with 1 where there are faults."""
    parser = Parser(prog='check_docs.py', description=(__doc__ or '').partition('\n')[0])
    parser.parse_args(argv)
    pages = read_pages()
    faults = list(find_faults(pages))
    print(f'{len(pages)} pages, {len(faults)} faults')
    for fault in faults:
        print(fault)
    if faults:
        raise SystemExit(1)

"""What the site says of the code: messages that it explains, and classes that it lists."""

import ast
import importlib
import re
import subprocess
import sys

import pytest
from imports import ROOT

DOCS = ROOT / 'docs'
FOREIGN = re.compile(r"\((mmdet|mmengine|Python)'s\)")


def texts():
    """All texts of the package, with "…" for what is filled in."""
    found = set()
    for folder in ('projects', 'kmax_deeplab'):
        for path in (ROOT / folder).rglob('*.py'):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = (getattr(part, 'value', '…') for part in node.values)
                    found.add(''.join(part if isinstance(part, str) else '…' for part in parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return '\n'.join(found)


def messages():
    """The first cells of the tables of troubleshooting, but for messages of other packages."""
    for line in (DOCS / 'troubleshooting.md').read_text().splitlines():
        if match := re.match(r'\| `(.+?)`(.*?) \| ', line):
            if not FOREIGN.search(match[2]):
                yield match[1]


def test_explained_messages_exist():
    known = texts()
    pieces = [(m, piece) for m in messages() for piece in re.split(r' ?… ?', m) if len(piece) > 7]
    assert len(pieces) > 50
    assert [message for message, piece in pieces if piece not in known] == []


@pytest.mark.parametrize(
    ('name', 'package'),
    [
        *((name, name) for name in ('datasets', 'evaluation', 'models', 'engine')),
        ('engine', 'engine.hooks'),
        ('engine', 'runtime.hooks'),
    ],
)
def test_reference_lists_what_is_exported(name, package):
    module = importlib.import_module(f'projects.kmax.{package}')
    page = (DOCS / 'api' / f'{name}.md').read_text()
    if f'automodule:: {module.__name__}' not in page:
        assert sorted(re.findall(r'autoclass:: (\w+)', page)) == sorted(module.__all__)


@pytest.mark.slow
def test_it_builds_without_a_warning(tmp_path):
    for package in ('furo', 'myst_parser', 'sphinx', 'sphinx_copybutton'):
        pytest.importorskip(package)
    command = [sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-b', 'html']
    done = subprocess.run([*command, DOCS, tmp_path / 'html'], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'KMeansCrossAttention' in (tmp_path / 'html' / 'searchindex.js').read_text()

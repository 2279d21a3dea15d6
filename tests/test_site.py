"""What the site says of the code: messages that it explains, and classes that it lists."""

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
import tomllib

import pytest
from helpers import run_python
from imports import ROOT

from kmax_deeplab.cli import COMMANDS

DOCS = ROOT / 'docs'
FOREIGN = re.compile(r"\((mmdet|mmengine|Python)'s\)")


def read(name):
    return (DOCS / name).read_text()


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


DIRECTIVE = re.compile(r'^\.\. (\w+):: (\S+)\n((?: +:.*\n)*)', re.MULTILINE)
REFERENCE = {path.stem: path.read_text() for path in (DOCS / 'api').glob('*.md')}


def members_of(module):
    """Yield what autodoc's option "members" takes of a module: what has a docstring."""
    for name, value in vars(module).items():
        is_own = getattr(value, '__module__', None) == module.__name__ and name[0] != '_'
        if name in getattr(module, '__all__', [name] if is_own else []) and value.__doc__:
            yield name, value


def documented(page):
    """Yield what a page of the reference has sections of, as its directives are read by autodoc."""
    current = ''
    for directive, target, options in DIRECTIVE.findall(page):
        if directive == 'currentmodule':
            current = f'{target}.'
        elif directive == 'automodule':
            excluded = re.search(r':exclude-members: (.+)', options)
            names = excluded[1].split(', ') if excluded else []
            members = dict(members_of(importlib.import_module(target)))
            assert {*names} <= {*members}, target
            # Without the option it is the module's docstring alone.
            wanted = members.keys() - {*names} if ':members:' in options else ()
            yield from (members[name] for name in wanted)
        elif directive in ('autoclass', 'autofunction'):
            module, _, name = (target if '.' in target else current + target).rpartition('.')
            exported = getattr(importlib.import_module(module), '__all__', [name])
            assert name in exported, target
            yield getattr(importlib.import_module(module), name)


EXPORTING = [
    *('datasets', 'engine', 'engine.hooks', 'evaluation', 'models', 'models.losses'),
    *('apis', 'runtime.hooks'),
]


@pytest.mark.parametrize('package', EXPORTING)
def test_reference_lists_what_is_exported_once(package):
    module = importlib.import_module(f'projects.kmax.{package}')
    sections = [value for page in REFERENCE.values() for value in documented(page)]
    counts = {name: sections.count(getattr(module, name)) for name in module.__all__}
    assert counts == dict.fromkeys(module.__all__, 1)


def test_commands_are_listed_with_their_tools():
    tools = {}
    for path in (ROOT / 'tools').rglob('*.py'):
        if match := re.search(r"SystemExit\(run\('([\w-]+)'\)\)", path.read_text()):
            tools[match[1]] = str(path.relative_to(ROOT))
    rows = re.findall(r'^\| `([\w-]+)` \| (.+) \| `(.+)` \|$', read('cli.md'), re.MULTILINE)
    assert rows == [(name, text, tools[name]) for name, text in COMMANDS.items()]


@pytest.fixture(scope='module')
def commands():
    """Return the extension that makes the sections of the commands."""
    spec = importlib.util.spec_from_file_location('commands', DOCS / '_ext/commands.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sections_of_commands_have_all_options(commands):
    made = {p.prog: commands.section(p) for name in COMMANDS for p in commands.parsers_of(name)}
    assert {name.split()[1] for name in made} == {*COMMANDS}
    assert 'kmax-deeplab analyze compare' in made
    for name in COMMANDS:
        section = made[f'kmax-deeplab {name}']
        options = set(re.findall(r'--[a-z][\w-]*', commands.parser_of(name).format_usage()))
        rows = '\n'.join(line for line in section.splitlines() if line.startswith('| `'))
        assert {*re.findall(r'--[a-z][\w-]*', rows)} >= options - {'--help', '--traceback'}, name
        # What is not code becomes a dash where it has two, and a curl where it has quotes.
        plain = re.sub(r'```.*?```|``[^`]+``|`[^`\n]+`|^ {4}.*$', '', section, flags=re.S | re.M)
        assert '--' not in re.sub(r'^\|---.*$', '', plain, flags=re.M), name


def test_sections_of_commands_load_no_torch():
    done = run_python(
        "import sys; sys.path.insert(0, 'docs/_ext'); import commands; "
        'print(*{commands.section(commands.parser_of(name))[:2] for name in commands.COMMANDS}, '
        "'torch' in sys.modules)"
    )
    assert done.stdout.strip() == '## False', done.stderr


def test_examples_of_a_help_become_a_block(commands):
    parser = commands.ArgumentParser(
        prog='kmax-deeplab draw',
        description='Draw.',
        epilog='A word.\n\nexamples:\n  kmax-deeplab draw a  # one\n  kmax-deeplab draw b',
    )
    section = commands.section(parser)
    assert '```bash\nkmax-deeplab draw a  # one\nkmax-deeplab draw b\n```' in section
    assert section.endswith('A word.')


def test_extras_are_listed():
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    table = re.search(r'^\| extra \|.*?\n\n', read('get_started.md'), re.MULTILINE | re.DOTALL)[0]
    cells = re.findall(r'^\| (`.+?) \|', table, re.MULTILINE)
    listed = [name for cell in cells for name in re.findall(r'`(\w+)`', cell)]
    assert sorted(listed) == sorted(project['optional-dependencies'])


def environment_of(path):
    """Return the environment variables that a file reads or sets."""
    text = path.read_text()
    if path.suffix == '.sh':
        own = set(re.findall(r'^ *(?:local )?([A-Z_]+)=(?!\$\{\1)', text, re.MULTILINE))
        return set(re.findall(r'\$\{([A-Z_]+):?-', text)) - own
    tree = ast.parse(text)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for node in ast.walk(tree):
        key = None
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (
            *('os.getenv', 'os.environ.get', 'os.environ.setdefault', 'os.environ.pop'),
        ):
            key = node.args[0]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == 'os.environ':
            key = node.slice
        if isinstance(key, ast.Name):
            # Such as one of several names that a loop goes through.
            key = constants.get(key.id, constants.get(key.id.upper(), constants.get('RANKS')))
        if key is not None:
            found |= {n.value for n in ast.walk(key) if isinstance(n, ast.Constant)}
    return found


def test_environment_variables_are_listed():
    rows = re.findall(r'^\| (`[A-Z_`, ]+`) \| (.+?) \| .+ \|$', read('offline.md'), re.MULTILINE)
    listed = {name: files for names, files in rows for name in re.findall(r'`(\w+)`', names)}
    places = [p for f in ('kmax_deeplab', 'projects', 'tools') for p in (ROOT / f).rglob('*.py')]
    used = {}
    for path in [*places, *(ROOT / 'tools').glob('*.sh')]:
        for name in environment_of(path):
            used.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    assert used.keys() == listed.keys()
    for name, files in used.items():
        named = set(re.findall(r'`([\w/]+/\w+\.(?:py|sh))`', listed[name]))
        assert named == files or listed[name] == 'the same', name


@pytest.mark.slow
def test_it_builds_without_a_warning(tmp_path):
    for package in ('furo', 'myst_nb', 'sphinx', 'sphinx_copybutton'):
        pytest.importorskip(package)
    command = [sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-b', 'html']
    done = subprocess.run([*command, DOCS, tmp_path / 'html'], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'KMeansCrossAttention' in (tmp_path / 'html' / 'searchindex.js').read_text()
    listed = re.findall(r'\]\((.+?)\.html\): \S', (tmp_path / 'html/llms.txt').read_text())
    assert {'cli', 'faq', 'tour', 'api/index'} <= {*listed}
    assert all((tmp_path / f'html/{page}.html').is_file() for page in listed)

"""``projects.kmax`` is importable whatever other ``projects`` there is, and is never another."""

import subprocess
import sys

import pytest
from imports import ROOT

ORDERS = {
    'theirs first': 'import projects, kmax_deeplab',
    'ours first': 'import kmax_deeplab, projects',
    'theirs never': 'import kmax_deeplab',
}
TWICE = (
    'there are two copies of projects.kmax: kmax_deeplab is imported from {}, but projects.kmax '
    'from {}; uninstall or delete one of them, or take its folder off PYTHONPATH\n'
)


def write(path, text=''):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_importing_is_light():
    heavy = {'torch', 'mmengine', 'numpy', 'projects'}
    code = f'import sys, kmax_deeplab; print(kmax_deeplab.__version__, {heavy} & {{*sys.modules}})'
    result = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout == '0.1.0 set()\n', result.stderr


def test_type_checkers_read_its_types(site):
    assert (site / 'kmax_deeplab' / 'py.typed').is_file()


@pytest.mark.parametrize('order', ORDERS)
@pytest.mark.parametrize('shadow', ['projects/__init__.py', 'projects/other.py', 'projects.py'])
def test_any_other_projects_may_be_found_first(shadow, order, python, site, work):
    write(work / shadow, 'print("theirs")')
    code = f'{ORDERS[order]}; print("register"); kmax_deeplab.register(); import projects.kmax'
    result = python('-c', code)
    assert result.returncode == 0, result.stderr
    ours = f'ours: {site}/projects/kmax/__init__.py'
    executed = [] if shadow == 'projects/other.py' else ['theirs']
    expected = ['register', *executed] if order == 'theirs never' else [*executed, 'register']
    assert result.stdout.splitlines() == [*expected, ours]


@pytest.mark.parametrize('shadow', ['projects/__init__.py', 'nothing'])
def test_what_else_is_in_projects_stays_importable(shadow, python, work):
    write(work / shadow)
    write(work / 'projects' / 'other.py', 'print("other")')
    code = 'import kmax_deeplab; kmax_deeplab.register(); import projects.other'
    assert python('-c', code).stdout.splitlines()[-1] == 'other'


def test_a_projects_found_later_is_imported_as_well(python, tmp_path):
    write(tmp_path / 'late' / 'projects' / '__init__.py', 'print("theirs")')
    code = f'import sys, kmax_deeplab; sys.path.insert(0, {str(tmp_path / "late")!r}); '
    printed = python('-c', code + 'kmax_deeplab.register()').stdout.splitlines()
    assert printed[0] == 'theirs' and printed[1].startswith('ours: ')


FOUND_BY_ANOTHER = """
import sys
from importlib.util import spec_from_file_location
class Editable:
    def find_spec(name, path, target=None):
        return spec_from_file_location(name, {file!r}) if name == 'projects' else None
sys.meta_path.{add}
{order}
import projects
print(projects.own)
kmax_deeplab.register()
"""


@pytest.mark.parametrize('order', ORDERS.values())
@pytest.mark.parametrize('add', ['append(Editable)', 'insert(0, Editable)'])
def test_a_projects_of_another_finder_is_not_hidden(add, order, python, site, work):
    write(work.parent / 'theirs' / 'projects' / '__init__.py', 'own = "theirs"')
    file = str(work.parent / 'theirs' / 'projects' / '__init__.py')
    if 'append' in add and order.startswith('import projects'):
        return  # Python finds our folder first, before anything of ours runs.
    result = python('-c', FOUND_BY_ANOTHER.format(file=file, add=add, order=order))
    assert result.stdout.splitlines() == ['theirs', f'ours: {site}/projects/kmax/__init__.py']


@pytest.mark.parametrize('package', ['projects/__init__.py', 'nothing'])
@pytest.mark.parametrize('imported', [True, False])
def test_another_copy_is_refused(package, imported, python, site, work):
    write(work / package)
    write(work / 'projects' / 'kmax' / '__init__.py', 'print("another")')
    first = 'import projects.kmax; ' if imported else ''
    result = python('-c', first + 'import kmax_deeplab')
    assert result.returncode == 1
    assert result.stdout == 'another\n' * imported
    assert result.stderr.endswith('\nImportError: ' + TWICE.format(site, work))


@pytest.mark.parametrize('program', ['kmax-deeplab', 'train.py'])
def test_commands_say_so_in_one_line(program, python, site, work):
    write(work / 'projects' / '__init__.py')
    write(work / 'projects' / 'kmax' / '__init__.py')
    for name in ('_command.py', 'train.py'):
        write(site / 'tools' / name, (ROOT / 'tools' / name).read_text())
    write(site / 'tools' / 'kmax-deeplab', 'from kmax_deeplab.cli import main\nmain()')
    result = python(site / 'tools' / program, 'train', path=[work])
    assert result.returncode == 2
    assert result.stderr == f'{program}: error: ' + TWICE.format(site, work)


def test_what_is_not_installed_is_said_in_one_line(python, site):
    message = "projects.kmax needs torch, not installed here: run 'pip install'"
    write(site / 'projects/kmax/__init__.py', f'raise ModuleNotFoundError({message!r})')
    result = python('-c', 'from kmax_deeplab.cli import main; raise SystemExit(main(["train"]))')
    assert result.returncode == 2
    assert result.stderr == f'kmax-deeplab train: error: {message}\n'


def test_a_folder_of_its_name_is_no_copy(python, work):
    write(work / 'projects' / '__init__.py')
    write(work / 'projects' / 'kmax' / 'notes.txt')
    result = python('-c', 'import kmax_deeplab; kmax_deeplab.register()')
    assert result.stdout.startswith('ours: '), result.stderr


def test_a_clone_comes_before_an_installed_package(copy_to, python, work):
    copy_to(work)
    write(work / 'projects' / 'kmax' / '__init__.py', 'print("clone:", __file__)')
    code = 'import kmax_deeplab; print(kmax_deeplab.__file__); kmax_deeplab.register()'
    for order in (code, f'import projects.kmax; {code}'):
        result = python('-c', order)
        assert {*result.stdout.splitlines()} == {
            f'{work}/kmax_deeplab/__init__.py',
            f'clone: {work}/projects/kmax/__init__.py',
        }


@pytest.mark.parametrize('tools', ['clone/tools', 'clone/tools/dataset_converters', 'wheel'])
def test_tools_run_the_package_that_they_came_with(tools, copy_to, python, site, tmp_path):
    package = copy_to(tmp_path / 'clone') if tools != 'wheel' else site
    folder = tmp_path / tools if tools != 'wheel' else site / 'kmax_deeplab' / '.mim' / 'tools'
    source = ROOT / 'tools'
    for name in ('_command.py', 'dataset_converters/_command.py'):
        target = folder.parent if folder.name == 'dataset_converters' else folder
        write(target / name, (source / name).read_text())
    write(folder / 'tool.py', 'from _command import run\nprint(run.__code__.co_filename)')
    result = python(folder / 'tool.py')
    assert result.stdout == f'{package}/kmax_deeplab/cli.py\n', result.stderr

import shutil
import subprocess
import sys

import pytest
from imports import ROOT


@pytest.fixture
def source(tmp_path):
    """Return a function that sources env.sh in a fresh checkout, with few programs on PATH."""
    (tmp_path / 'tools').mkdir()
    shutil.copy(ROOT / 'tools' / 'env.sh', tmp_path / 'tools')
    programs = tmp_path / 'bin'
    programs.mkdir()
    (programs / 'dirname').symlink_to(shutil.which('dirname'))

    def run(*pythons, argument='', **variables):
        for name, content in pythons:
            (programs / name).write_text(content)
            (programs / name).chmod(0o755)
        script = f'set -e; source tools/env.sh {argument}; echo "PYTHON=$PYTHON"'
        return subprocess.run(
            [shutil.which('bash'), '-c', script],
            cwd=tmp_path,
            env=dict(PATH=str(programs), **variables),
            capture_output=True,
            text=True,
        )

    return run


def interpreter(code):
    """Return a script that runs ``code`` in this interpreter before what it is asked to run."""
    return f'#!{shutil.which("bash")}\n{code}\nexec {sys.executable} "$@"\n'


def test_active_environment_is_used(source):
    result = source(('python', interpreter('')))
    assert result.returncode == 0, result.stderr
    assert 'using the active environment' in result.stdout
    assert result.stdout.splitlines()[-1].endswith('bin/python')


def test_missing_python_is_explained(source):
    result = source(('python3', interpreter('exit 1')))
    assert result.returncode == 1
    assert 'Python 3.11, 3.12 or 3.13 is needed' in result.stderr


@pytest.mark.parametrize('stack', ['', 'onedl'])
def test_venv_is_made_and_requirements_installed(source, tmp_path, stack):
    """The stand-in has no torch; its venv is a script that notes what pip is asked to install."""
    fake = f"""
case "$*" in
    *'-m venv'*) mkdir -p "${{@: -1}}/bin"; cp "$0" "${{@: -1}}/bin/python"; exit;;
    *'-m pip'*) echo "$*" >{tmp_path}/pip; exit;;
    *torch*) exit 1;;
esac
"""
    for program in ('mkdir', 'cp'):
        (tmp_path / 'bin' / program).symlink_to(shutil.which(program))
    result = source(('python3', interpreter(fake)), KMAX_STACK=stack)
    assert result.returncode == 0, result.stderr
    suffix = f'-{stack}' if stack else ''
    asked = (tmp_path / 'pip').read_text().rstrip()
    assert asked.endswith(f'-r {tmp_path}/requirements{suffix}.txt')
    assert 'PIP_EXTRA_INDEX_URL' in result.stdout
    assert result.stdout.splitlines()[-1] == f'PYTHON={tmp_path}/.venv{suffix}/bin/python'


def test_fork_is_not_taken_from_the_active_environment(source, tmp_path):
    (tmp_path / '.venv-onedl' / 'bin').mkdir(parents=True)
    python = tmp_path / '.venv-onedl' / 'bin' / 'python'
    python.write_text(interpreter(''))
    python.chmod(0o755)
    result = source(('python', interpreter('')), KMAX_STACK='onedl')
    assert result.stdout.splitlines()[-1] == f'PYTHON={tmp_path}/.venv-onedl/bin/python'


def test_unknown_stack_is_refused(source):
    result = source(('python', interpreter('')), KMAX_STACK='onedI')
    assert result.returncode == 1
    assert result.stderr == 'env: KMAX_STACK is onedl or empty, not onedI\n'


@pytest.mark.parametrize('missing', ['cityscapesscripts', 'pytest'])
def test_optional_packages_of_the_tests_may_be_missing(source, missing):
    """The stand-in lacks one package, and pip cannot install any."""
    fake = f'case "$*" in *torch*) exit 0;; *"-m pip"*|*{missing}*) exit 1;; *xdist*) exit 0;; esac'
    result = source(('python', interpreter(fake)), argument='test')
    optional = missing == 'cityscapesscripts'
    name = 'requirements-metrics.txt' if optional else 'requirements-test.txt'
    assert f'installing {name}' in result.stdout
    assert (result.returncode == 0) == optional
    assert ('faster-coco-eval, whose tests are skipped' in result.stderr) == optional

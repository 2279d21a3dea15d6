"""The wheel, in an environment of its own and in a folder with another package ``projects``."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from imports import ROOT

from kmax_deeplab import __version__

ZOO = ('projects/kmax/README.md', 'projects/kmax/metafile.yml')
CONFIG = 'kmax_nano_shapes-panoptic'
SHORT = [f'train_cfg.{name}=20' for name in ('max_iters', 'val_interval')]
SHORT += ['default_hooks.checkpoint.interval=20', 'param_scheduler.warmup=2']
# Workers that start anew must find projects.kmax as well.
SHORT += ['env_cfg.mp_cfg.mp_start_method=spawn']
USE = f"""
import kmax_deeplab
kmax_deeplab.register()
from mmdet.apis import DetInferencer
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
import mmdet.registry, projects
print(projects.__file__, get_config('kmax_deeplab::kmax/{CONFIG}.py').model.type)
init_default_scope('mmdet')
based = Config.fromstring("_base_ = 'kmax_deeplab::kmax/{CONFIG}.py'", '.py')
print(type(mmdet.registry.MODELS.build(based.model)).__name__)
"""


def build(kind, source, out):
    """Build a ``wheel`` or an ``sdist`` without a network; return its file."""
    code = f'from setuptools import build_meta; print(build_meta.build_{kind}({str(out)!r}))'
    done = subprocess.run([sys.executable, '-c', code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.split()[-1]


def contents(wheel):
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist() if 'dist-info' not in name}


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """Return a copy of what .dockerignore lets through: packages are built from it."""
    folder = tmp_path_factory.mktemp('source')
    for name in re.findall(r'^!(.+)$', (ROOT / '.dockerignore').read_text(), re.MULTILINE):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy(ROOT / name, folder)
    # What setuptools puts into an sdist unless told not to, as are caches.
    (folder / 'tests').mkdir()
    (folder / 'tests' / 'test_nothing.py').touch()
    (folder / 'configs' / '__pycache__').mkdir(exist_ok=True)
    (folder / 'configs' / '__pycache__' / 'left.cpython-311.pyc').touch()
    return folder


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory):
    return build('wheel', source, tmp_path_factory.mktemp('wheel'))


@pytest.fixture(scope='module')
def sdist(source, tmp_path_factory):
    return build('sdist', source, tmp_path_factory.mktemp('sdist'))


@pytest.fixture(scope='module')
def run(wheel, tmp_path_factory):
    """Return a function that runs a program of an environment with the wheel."""
    folder = tmp_path_factory.mktemp('environment')
    venv.create(folder / 'env')
    paths = dict(base=str(folder / 'env'), platbase=str(folder / 'env'))
    stack, own = sysconfig.get_path('purelib'), sysconfig.get_path('purelib', 'venv', paths)
    Path(own, 'stack.pth').write_text(stack)
    programs = folder / 'env' / 'bin'
    pip = [sys.executable, '-m', 'pip', '--python', programs / 'python', 'install', '-q']
    subprocess.run([*pip, '--no-deps', '--no-index', wheel], check=True)
    work = folder / 'work'
    (work / 'projects').mkdir(parents=True)
    (work / 'projects' / '__init__.py').touch()

    def run(program, *words):
        done = subprocess.run(
            [programs / program, *map(str, words)],
            cwd=work,
            env={**os.environ, 'PYTHONPATH': '', 'PYTHONWARNINGS': 'ignore'},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr + done.stdout[-2000:]
        return done.stdout

    run.folder = work
    return run


def test_wheel_holds_the_packages_and_what_mim_looks_for(wheel):
    names = {*contents(wheel)}
    mim = {name.removeprefix('kmax_deeplab/.mim/') for name in names if '/.mim/' in name}
    others = {name for name in names if '/.mim/' not in name}
    files = [*ROOT.glob('kmax_deeplab/**/*'), *ROOT.glob('projects/kmax/**/*')]
    modules = {path for path in files if path.suffix in ('.py', '.css', '.js')}
    modules |= {ROOT / name for name in ('kmax_deeplab/py.typed', *ZOO)}
    assert others == {str(path.relative_to(ROOT)) for path in modules}
    scripts = [*ROOT.glob('configs/**/*.py'), *ROOT.glob('tools/**/*.py')]
    needed = {str(path.relative_to(ROOT)) for path in scripts}
    needed = {name for name in needed if 'benchmark' not in name and 'docs' not in name}
    index = re.findall(r'- (.*)', (ROOT / 'model-index.yml').read_text())
    assert index == [name for name in mim if name.endswith('metafile.yml')]
    assert mim == {*needed, 'model-index.yml', *ZOO}


def test_wheel_has_version_and_licence(wheel):
    assert f'-{__version__}-' in wheel.name
    with zipfile.ZipFile(wheel) as file:
        names = [name for name in file.namelist() if 'dist-info' in name]
        (metadata,) = (name for name in names if name.endswith('METADATA'))
        assert f'\nVersion: {__version__}\n' in file.read(metadata).decode()
    assert any(name.endswith('/LICENSE') for name in names)


def test_sdist_holds_no_tests_and_no_caches(sdist):
    with tarfile.open(sdist) as archive:
        names = [name.partition('/')[2] for name in archive.getnames()]
    assert {name.partition('/')[0] for name in names if '/' in name} == {
        *('configs', 'kmax_deeplab', 'kmax_deeplab.egg-info', 'projects', 'tools')
    }
    assert [name for name in names if 'cache' in name or name.endswith('.pyc')] == []


def test_sdist_gives_the_same_wheel(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter='data')
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert contents(build('wheel', unpacked, tmp_path)) == contents(wheel)


def test_command_and_configs_are_installed(run):
    assert run('kmax-deeplab', '--version') == f'kmax-deeplab {__version__}\n'
    assert '  train ' in run('kmax-deeplab', '--help')
    assert '\nkmax_r50_coco  ' in run('kmax-deeplab', 'models')
    code = f'from kmax_deeplab.configs import find_config; print(find_config({CONFIG!r}))'
    assert run('python', '-c', code).endswith(f'kmax_deeplab/.mim/configs/kmax/{CONFIG}.py\n')


def test_wheel_works_beside_another_projects(run):
    expected = f'{run.folder}/projects/__init__.py KMaXDeepLab'
    assert run('python', '-c', USE).splitlines()[-2:] == [expected, 'KMaXDeepLab']


@pytest.mark.slow
def test_every_step_by_the_name_of_a_config(run):
    run('kmax-deeplab', 'shapes', 'data/shapes', '--train', 16, '--val', 2)
    run('kmax-deeplab', 'train', CONFIG, '--work-dir', 'work', '--cfg-options', *SHORT)
    checkpoint = Path((run.folder / 'work' / 'last_checkpoint').read_text())
    assert checkpoint.name == 'iter_20.pth'
    run('kmax-deeplab', 'test', CONFIG, checkpoint, '--work-dir', 'test')
    (figures,) = run.folder.glob('test/*/*.json')
    assert 'coco_panoptic/PQ' in json.loads(figures.read_text())
    assert 'no faults found' in run('kmax-deeplab', 'check', CONFIG)
    assert f'| {CONFIG} | 129 x 161 |' in run('kmax-deeplab', 'cost', CONFIG)
    tool = next(run.folder.parent.glob('env/**/.mim/tools/model_cost.py'))
    assert f'| {CONFIG} | 129 x 161 |' in run('python', tool, CONFIG)

"""An environment that has the extra ``deploy``, and with it neither torch nor OpenMMLab."""

import json
import shutil
import subprocess
import sys
import time
import venv

import numpy as np
import pytest
from helpers import run_python
from imports import ROOT
from PIL import Image

PARTS = ('configs', 'kmax_deeplab', 'projects', 'tools')
FILES = ('MANIFEST.in', 'README.md', 'model-index.yml', 'pyproject.toml', 'setup.py')
BYTES = 2**20

SCRIPT = """
import json, sys, time
started = time.perf_counter()
import kmax_deeplab.runtime, onnxruntime
seconds = time.perf_counter() - started
from kmax_deeplab.runtime import PanopticModel
result = PanopticModel(sys.argv[1], threads=1)(sys.argv[2])
print(json.dumps([seconds, result.id_map.tolist(), result.segments_info]))
"""


@pytest.fixture(scope='module')
def python(tmp_path_factory):
    """Return the Python of the environment, and print what it took."""
    folder = tmp_path_factory.mktemp('deploy')
    source = folder / 'source'
    for name in PARTS:
        ignore = shutil.ignore_patterns('__pycache__')
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in FILES:
        shutil.copy(ROOT / name, source)
    venv.create(folder / 'env')
    program = folder / 'env' / 'bin' / 'python'
    pip = [sys.executable, '-m', 'pip', '--python', str(program), 'install', '-q']
    started = time.perf_counter()
    done = subprocess.run([*pip, f'{source}[deploy]'], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f'no package index is reached: {done.stderr[-200:]}')
    size = sum(path.stat().st_size for path in folder.glob('env/lib/**/*') if path.is_file())
    seconds = time.perf_counter() - started
    print(f'installed in {seconds:.0f} s, {size / BYTES:.0f} MiB')
    return program


@pytest.mark.slow
def test_results_without_torch(python, exported, tmp_path):
    levels = np.random.default_rng(0).integers(0, 4, (40, 60, 3), np.uint8)
    Image.fromarray(levels).save(tmp_path / 'image.png')
    packages = subprocess.run(
        [python, '-c', 'import pkgutil; print([m.name for m in pkgutil.iter_modules()])'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in ('torch', 'mmengine', 'mmcv', 'mmdet', 'openvino'):
        assert f"'{name}'" not in packages
    file, image = str(exported()), str(tmp_path / 'image.png')
    done = subprocess.run(
        [python, '-c', SCRIPT, file, image], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    seconds, id_map, segments_info = json.loads(done.stdout)
    here = f'from kmax_deeplab.runtime import PanopticModel as M; r = M({file!r}, "onnxruntime")'
    shown = (
        f'r = r({image!r}); import json; print(json.dumps([r.id_map.tolist(), r.segments_info]))'
    )
    assert [id_map, segments_info] == json.loads(run_python(f'{here}; {shown}').stdout)
    assert seconds < 1
    command = [python.with_name('kmax-deeplab'), 'predict', image, '--out', 'out', '--model', file]
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    assert (tmp_path / 'out' / 'overlay' / 'image.jpg').is_file()

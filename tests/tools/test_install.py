import os
import shutil
import subprocess
import sys
from pathlib import Path

import projects.kmax

ROOT = Path(projects.kmax.__file__).parents[2]
USE = """
from pathlib import Path
import projects.kmax
from mmengine.config import Config
configs = Path(projects.kmax.__file__).parent / '.mim' / 'configs' / 'kmax'
assert Config.fromfile(configs / 'kmax_r50_8xb8-150k_coco-panoptic.py').model.type == 'KMaXDeepLab'
print(configs)
"""


def test_wheel_works_elsewhere_and_holds_the_configs(tmp_path):
    source, site = tmp_path / 'source', tmp_path / 'site'
    ignore = shutil.ignore_patterns('__pycache__')
    for folder in ('projects', 'configs'):
        shutil.copytree(ROOT / folder, source / folder, ignore=ignore)
    for file in ('pyproject.toml', 'setup.py', 'README.md'):
        shutil.copy(ROOT / file, source)
    pip = [sys.executable, '-m', 'pip', 'install', '--no-deps', '--no-build-isolation', '-q']
    subprocess.run([*pip, '--target', site, source], check=True)

    env = {**os.environ, 'PYTHONPATH': str(site)}
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', USE],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str(site / 'projects' / 'kmax' / '.mim' / 'configs' / 'kmax')

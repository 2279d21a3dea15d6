import subprocess
import sys
from pathlib import Path

import projects.kmax

ROOT = Path(projects.kmax.__file__).parents[2]


def test_what_to_install_is_said():
    script = 'import sys; sys.modules.update(mmdet=None, mmpretrain=None); import projects.kmax'
    result = subprocess.run(
        [sys.executable, '-c', script], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 1
    message = result.stderr.splitlines()[-1]
    assert message.startswith('ModuleNotFoundError: projects.kmax needs mmdet, mmpretrain')
    assert 'requirements.txt' in message and '[lite,stack]' in message

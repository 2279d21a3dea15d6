"""The notebook of the docs: its cells are Python, and run one after the other."""

import ast
import json
import os
import subprocess
import sys

import pytest
from imports import ROOT

NOTEBOOK = ROOT / 'docs' / 'tour.ipynb'


def cells():
    content = json.loads(NOTEBOOK.read_text())
    return [''.join(c['source']) for c in content['cells'] if c['cell_type'] == 'code']


def test_cells_are_python():
    for cell in cells():
        ast.parse(cell)


@pytest.mark.slow
def test_it_runs(tmp_path):
    """With a training of four iterations, which finds nothing yet."""
    script = '\n'.join(cells()).replace('ITERATIONS = 200', 'ITERATIONS = 4')
    assert 'ITERATIONS = 4' in script
    environment = dict(os.environ, PYTHONPATH=str(ROOT), MPLBACKEND='Agg')
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (tmp_path / 'work_dirs/tour/results').rglob('*')}
    assert any(name.endswith('.json') for name in written)
    assert any(name.endswith('.png') for name in written)

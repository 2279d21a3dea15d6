"""The notebook of the docs: its cells are Python, and run one after the other."""

import ast
import base64
import json
import os
import subprocess
import sys

import pytest
from imports import ROOT

NOTEBOOK = ROOT / 'docs' / 'tour.ipynb'


def code_cells():
    return [c for c in json.loads(NOTEBOOK.read_text())['cells'] if c['cell_type'] == 'code']


def cells():
    return [''.join(cell['source']) for cell in code_cells()]


def test_cells_are_python():
    for cell in cells():
        ast.parse(cell)


def test_outputs_are_of_one_run_and_small():
    assert [cell['execution_count'] for cell in code_cells()] == [*range(1, len(cells()) + 1)]
    pictures = []
    for cell in code_cells():
        assert cell['outputs'], cell['source'][0]
        shown = [
            out['data']['image/jpeg']
            for out in cell['outputs']
            if out.get('data', {}).keys() > {'text/plain'}
        ]
        assert bool(shown) == any('imshow' in line or '.plot(' in line for line in cell['source'])
        pictures += [base64.b64decode(picture) for picture in shown]
        texts = [''.join(out['text']) for out in cell['outputs'] if 'text' in out]
        # Neither colours of a terminal nor the folder that it ran in.
        assert not any(sign in text for text in texts for sign in ('\x1b', ' /', '=/'))
    assert len(pictures) == 3 and sum(map(len, pictures)) < 400_000


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

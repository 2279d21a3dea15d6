"""The benchmark of panoptic quality, on few images."""

import os
import re
import subprocess
import sys
from pathlib import Path

import projects.kmax

TOOL = Path(projects.kmax.__file__).parents[2] / 'tools' / 'benchmark_pq.py'


def test_table():
    made = subprocess.run(
        [sys.executable, TOOL, '--images', '2'],
        capture_output=True,
        text=True,
        env=dict(os.environ, OMP_NUM_THREADS='1'),
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith('2 images of 640x480')
    for name in ('KMaXPanopticMetric', 'panopticapi, 1 core', 'CocoPanopticMetric'):
        assert re.search(rf'^{name} +\d+\.\d\d .*x +0.0e\+00$', made.stdout, re.M)


def test_bad_number_of_images():
    made = subprocess.run([sys.executable, TOOL, '--images', '0'], capture_output=True, text=True)
    assert made.returncode == 2
    assert '--images must be at least 1, but is 0' in made.stderr

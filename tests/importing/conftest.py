"""The command that imports labels, and what its results are compared with."""

import json

import cv2
import numpy as np
import pytest
from helpers import run_command

from projects.kmax.panoptic_format import read_panoptic_png


def described(root, split, json_name=None, png_dir=None):
    """Return of each image, by its name, the pixels of its segments with class and crowd."""
    content = json.loads((root / (json_name or f'panoptic_{split}.json')).read_text())
    names = {category['id']: category['name'] for category in content['categories']}
    files = {image['id']: image['file_name'] for image in content['images']}
    found = {}
    for annotation in content['annotations']:
        path = root / (png_dir or f'panoptic_{split}') / annotation['file_name']
        ids = read_panoptic_png(path, 'image')
        segments = {
            (names[s['category_id']], s.get('iscrowd', 0), (ids == s['id']).tobytes())
            for s in annotation['segments_info']
        }
        found[files[annotation['image_id']]] = segments
    return found


@pytest.fixture(scope='session')
def segments_of():
    """Return the function that describes a data set up to its ids."""
    return described


@pytest.fixture
def labels(tmp_path):
    """Return a function that writes an image or label map and returns its path."""

    def write(name, pixels):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.asarray(pixels))
        return path

    return write


@pytest.fixture
def tool(capsys, tmp_path):
    """Return a function that runs the command; it returns what is printed, or the error's line.

    After an error, nothing has changed on the disk.
    """

    def run(*words):
        before = sorted(tmp_path.rglob('*'))
        try:
            status = run_command('import', 'to_panoptic.py', *words, '--workers', 1)
        except SystemExit as stopped:
            status = stopped.code
        printed = capsys.readouterr()
        if status == 0:
            return printed.out
        assert status == 2 and printed.err.count('error: ') == 1, printed.err
        assert sorted(tmp_path.rglob('*')) == before
        return printed.out + printed.err.splitlines()[-1]

    return run

"""The command that imports labels, on small exports."""

import json

import cv2
import numpy as np
import pytest
from helpers import run_command


@pytest.fixture
def tool(capsys, tmp_path):
    """Return a function that runs the command; it returns what is printed, with an error's line.

    After an error, nothing has changed on the disk.
    """

    def run(*words, fails=False, workers=1):
        before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob('*')}
        try:
            status = run_command('import', 'to_panoptic.py', *words, '--workers', workers)
        except SystemExit as stopped:
            status = stopped.code
        printed = capsys.readouterr()
        assert status == (2 if fails else 0), printed.err
        if fails:
            assert printed.err.count('error: ') == 1
            after = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob('*')}
            assert {k: v for k, v in after.items() if k.is_file()} == {
                k: v for k, v in before.items() if k.is_file()
            }
            return printed.out + printed.err.splitlines()[-1]
        return printed.out

    return run


@pytest.fixture
def write(tmp_path):
    """Return a function that writes pixels as an image, an object as JSON, or a text."""

    def to_file(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, np.ndarray):
            assert cv2.imwrite(str(path), content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return to_file


SIZE = (24, 32)


@pytest.fixture
def images(write):
    """Return a function that writes images of 24 x 32 pixels, and their folder."""

    def make(*names):
        for number, name in enumerate(names):
            pixels = np.full((*SIZE, 3), 10 * number, np.uint8)
            folder = write(f'images/{name}', pixels)
        return folder.parents[name.count('/')]

    return make


@pytest.fixture
def instances(images, write):
    """Return a function that writes an instance JSON of annotations, each of an image by number."""

    def make(annotations, names=('1.png', '2.png'), **changes):
        images(*names)
        content = dict(
            images=[
                dict(id=number, file_name=name, height=SIZE[0], width=SIZE[1])
                for number, name in enumerate(names, start=1)
            ],
            annotations=[
                dict(id=number, iscrowd=0, category_id=1, image_id=1) | annotation
                for number, annotation in enumerate(annotations, start=1)
            ],
            categories=[dict(id=1, name='cat'), dict(id=2, name='dog')],
        )
        return write('instances.json', content | changes)

    return make

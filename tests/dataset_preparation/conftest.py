"""The converters, and tiny trees in the layouts of the official downloads."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)

import shutil
import sys
import tarfile
import zipfile

import cv2
import numpy as np
import pytest
from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope

from kmax_deeplab import cli


@pytest.fixture
def convert(monkeypatch, capsys):
    """Return a function that runs a converter and returns its exit status and what it printed.

    In place of the status 2 it returns the line of the error.
    """

    def run(tool, *arguments):
        arguments = [f'{tool}.py', *map(str, arguments), '--workers', '1']
        monkeypatch.setattr(sys, 'argv', arguments)
        try:
            code = cli.run(f'prepare-{tool}') or 0
        except SystemExit as stopped:
            code = stopped.code
        printed = capsys.readouterr()
        if code == 2:
            assert printed.err.count('error: ') == 1
            code = printed.err.splitlines()[-1]
        return code, printed.out + printed.err

    return run


@pytest.fixture
def out(tmp_path):
    """Return the folder to convert to."""
    return tmp_path / 'out'


class Forge:
    """Makes files as the official downloads hold them."""

    SIZE = (24, 32)

    def image(self, path, seed=0):
        """Write an image of noise."""
        self.png(path, np.random.default_rng(seed).integers(0, 256, (*self.SIZE, 3), np.uint8))

    def png(self, path, grid):
        """Write an array."""
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), grid)

    def pack(self, folder, archive):
        """Move what is in a folder to an archive."""
        files = [path for path in sorted(folder.rglob('*')) if path.is_file()]
        if archive.suffix == '.tar':
            with tarfile.open(archive, 'w') as content:
                for path in files:
                    content.add(path, path.relative_to(folder))
        else:
            with zipfile.ZipFile(archive, 'w') as content:
                for path in files:
                    content.write(path, path.relative_to(folder))
        shutil.rmtree(folder)

    def load(self, name, root, ann_file, img, seg):
        """Build a data set of what was converted."""
        init_default_scope('mmdet')
        cfg = dict(type=name, data_root=str(root), ann_file=ann_file)
        cfg['data_prefix'] = dict(img=img, seg=seg)
        cfg['pipeline'] = [dict(type='LoadImageFromFile'), dict(type='LoadPanopticIds')]
        return DATASETS.build(cfg)

    def files(self, folder):
        """Return the content of every file."""
        paths = (path for path in folder.rglob('*') if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope='session')
def forge():
    return Forge()

"""A tiny data set, what damages it, and the command that looks at it."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)

import json

import cv2
import numpy as np
import pytest
from imports import ROOT
from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope

from kmax_deeplab import cli
from projects.kmax.commands import check as check_command
from projects.kmax.inspection import report as html_report
from projects.kmax.panoptic_format import read_panoptic_png, write_panoptic_png

CONFIG = """
_base_ = '{root}/configs/kmax/{base}.py'
train_dataloader = dict(dataset=dict(data_root='{folder}/'))
val_dataloader = dict(dataset=dict(data_root='{folder}/'))
test_dataloader = val_dataloader
val_evaluator = dict(
    _delete_=True,
    type='KMaXPanopticMetric',
    ann_file='{folder}/panoptic_val.json',
    seg_prefix='{folder}/panoptic_val',
)
test_evaluator = val_evaluator
model = dict(
    panoptic_head=dict(
        num_things_classes=1,
        num_stuff_classes={stuff},
        transformer_decoder=dict(num_queries=3),
    )
)
"""
CATEGORIES = [
    {'id': 1, 'name': 'cat', 'isthing': 1, 'color': [255, 0, 0]},
    {'id': 2, 'name': 'sky', 'isthing': 0, 'color': [0, 0, 255]},
]
SIZE = {'height': 20, 'width': 30}
SEGMENTS = [
    {'id': 70000, 'category_id': 1, 'iscrowd': 0, 'area': 200, 'bbox': [0, 0, 10, 20]},
    {'id': 5, 'category_id': 2, 'iscrowd': 0, 'area': 300, 'bbox': [10, 0, 15, 20]},
]


def _write_split(folder, split, count, rng):
    ids = np.zeros((20, 30), np.int64)
    ids[:, :10], ids[:, 10:25] = 70000, 5
    (folder / split).mkdir(parents=True)
    names = [f'{number:02d}' for number in range(1, count + 1)]
    for name in names:
        image = rng.integers(0, 256, (20, 30, 3), np.uint8)
        cv2.imwrite(str(folder / split / f'{name}.jpg'), image)
        write_panoptic_png(folder / f'panoptic_{split}' / f'{name}.png', ids)
    content = {
        'images': [{'id': int(n), 'file_name': f'{n}.jpg', **SIZE} for n in names],
        'annotations': [
            {'image_id': int(n), 'file_name': f'{n}.png', 'segments_info': SEGMENTS} for n in names
        ],
        'categories': CATEGORIES,
    }
    (folder / f'panoptic_{split}.json').write_text(json.dumps(content))


@pytest.fixture
def num_images():
    """Return the number of training images: one for each kind of fault."""
    return 23


@pytest.fixture
def folder(tmp_path, num_images):
    """Write the training images and one of validation."""
    rng = np.random.default_rng(0)
    _write_split(tmp_path, 'train', num_images, rng)
    _write_split(tmp_path, 'val', 1, rng)
    return tmp_path


@pytest.fixture
def base():
    """Return the name of the config that those written here inherit from."""
    return 'kmax_nano_shapes-panoptic'


@pytest.fixture
def write_config(folder, base):
    """Return a function that writes a config for the folder, and more to its end."""

    def write(stuff, more):
        path = folder / 'config.py'
        text = CONFIG.format(root=ROOT, base=base, folder=folder, stuff=stuff)
        path.write_text(text + more)
        return path

    return write


@pytest.fixture
def check(folder, write_config, monkeypatch, capsys):
    """Return a function that runs the command; ``more`` is added to its config.

    It returns the status, or the line of an error of status 2, what was printed and the report.
    """
    monkeypatch.setattr(check_command, 'SHOWN', 100)

    def run(*options, stuff=1, more='', draw=False):
        config = write_config(stuff, more)
        report = folder / 'report.html'
        if not draw:  # Charts take most of the time.
            monkeypatch.setattr(html_report, 'write_report', lambda *args: None)
        arguments = ['check_dataset.py', config, '--out', report, '--workers', 1, *options]
        monkeypatch.setattr('sys.argv', [str(argument) for argument in arguments])
        try:
            code = cli.run('check')
        except SystemExit as stopped:
            code = stopped.code
        html = report.read_text() if report.exists() else ''
        printed = capsys.readouterr()
        if code == 2:
            assert printed.err.count('error: ') == 1
            code = printed.err.splitlines()[-1]
        return code, printed.out, html

    return run


@pytest.fixture
def find_faults(check):
    """Return a function that runs the command, which must find some, and what it tells."""

    def run(*options, **kwargs):
        code, *told = check(*options, **kwargs)
        assert code == 1
        return told

    return run


@pytest.fixture
def build(folder):
    """Return a function that builds the training data with a loading pipeline."""
    init_default_scope('mmdet')

    def build(**kwargs):
        settings = dict(
            type='KMaXPanopticDataset',
            data_root=str(folder),
            ann_file='panoptic_train.json',
            data_prefix=dict(img='train/', seg='panoptic_train/'),
            pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadPanopticIds')],
        )
        return DATASETS.build(settings | kwargs)

    return build


@pytest.fixture
def plant(folder):
    """Return what damages the training data."""
    return Planter(folder)


class Planter:
    """Damages the data of a split, one image after the other."""

    def __init__(self, folder):
        self.folder = folder
        self.split = 'train'

    def image(self, number):
        return self.folder / self.split / f'{number:02d}.jpg'

    def png(self, number):
        return self.folder / f'panoptic_{self.split}' / f'{number:02d}.png'

    def json(self, split=None):
        return self.folder / f'panoptic_{split or self.split}.json'

    def rewrite(self, change, split=None):
        """Change the content of a JSON."""
        path = self.json(split)
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    def edit(self, number, change):
        """Change the annotation of an image."""
        self.rewrite(lambda c: change(next(a for a in c['annotations'] if a['image_id'] == number)))

    def segment(self, number, **values):
        self.edit(number, lambda a: a['segments_info'][0].update(values))

    def paint(self, number, change):
        """Change the ids of an image."""
        ids = read_panoptic_png(self.png(number), '').copy()
        write_panoptic_png(self.png(number), change(ids))

    def truncate(self, path):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])

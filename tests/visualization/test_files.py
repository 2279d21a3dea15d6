"""Pictures are whole or absent, as many as images, and never in the place of an image."""

import errno
import hashlib
import os

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from mmdet.structures import DetDataSample

from projects.kmax.visualization import KMaXVisualizer, comparison
from projects.kmax.visualization.training_curve import draw_training_curve

IMAGE = np.zeros((8, 8, 3), np.uint8)


class Images:
    """A data set of images in two folders."""

    metainfo: dict = {}

    def __init__(self, folder):
        self.paths = [str(folder / place / 'f.png') for place in ('s0', 's1')]
        for number, path in enumerate(self.paths):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            cv2.imwrite(path, IMAGE + number)

    def __len__(self):
        return len(self.paths)

    def get_data_info(self, index):
        return dict(img_path=self.paths[index])


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes comparisons of a model that draws nothing."""
    images = Images(tmp_path)
    monkeypatch.setattr(comparison.DATASETS, 'build', lambda cfg: images)
    monkeypatch.setattr(comparison, 'draw_comparison', lambda *_: IMAGE)

    class Model:
        class cfg:
            class test_dataloader:
                dataset: dict = {}

    return lambda out: comparison.write_comparisons(Model, out, 2)


def sums(folder):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob('*.*')}


def test_images_of_one_name_have_a_picture_each(tmp_path, write):
    files = write(tmp_path / 'out')
    assert files == [tmp_path / 'out' / 's0' / 'f.png', tmp_path / 'out' / 's1' / 'f.png']
    assert all(file.is_file() for file in files)


def test_images_are_not_drawn_over(tmp_path, write):
    before = sums(tmp_path)
    with pytest.raises(ValueError, match='s0/f.png would replace the image that it shows'):
        write(tmp_path)
    assert sums(tmp_path) == before


def draw_with_visualizer(folder):
    sample = DetDataSample(metainfo=dict(img_path=str(folder / 'image.png')))
    KMaXVisualizer().add_datasample('x', IMAGE, sample, out_file=str(folder / 'a.png'))


@pytest.fixture
def full_disk(monkeypatch):
    """Have the disk full when a file is put in its place."""

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'replace', fail)


def test_a_full_disk_leaves_no_part_of_a_drawing(tmp_path, full_disk):
    with pytest.raises(OSError, match=f'No space left on device: .{tmp_path}/a.png'):
        draw_with_visualizer(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_drawing_does_not_replace_its_image(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), IMAGE)
    (tmp_path / 'image.png').symlink_to(tmp_path / 'a.png')
    before = sums(tmp_path)
    with pytest.raises(ValueError, match='a.png would replace the image that it shows'):
        draw_with_visualizer(tmp_path)
    assert sums(tmp_path) == before
    (tmp_path / 'image.png').unlink()
    draw_with_visualizer(tmp_path)
    assert sums(tmp_path).keys() == before.keys() - {tmp_path / 'image.png'}


def test_a_full_disk_leaves_no_part_of_a_curve(tmp_path, monkeypatch):
    (tmp_path / 'run' / 'vis_data').mkdir(parents=True)
    (tmp_path / 'run' / 'vis_data' / 'scalars.json').write_text('{"loss": 1, "lr": 1, "step": 1}\n')

    def fail(self, file, **_):
        file.write(b'half')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Figure, 'savefig', fail)
    with pytest.raises(OSError, match='No space left on device: .*curve.png'):
        draw_training_curve(tmp_path, tmp_path / 'curve.png')
    assert [path.name for path in tmp_path.iterdir()] == ['run']

"""Label maps: on disk, in mmseg's data sets, and images that the inferencers are given."""

import os
import shutil

import cv2
import numpy as np
from annotation_kinds import in_place_of
from image_kinds import cut, write_head
from imports import ROOT
from kinds import kind, kinds
from mmdet.apis import DetInferencer, inference_detector, init_detector

from projects.kmax.evaluation import mean_iou

AREA = 'semantic'
CONFIG = f"""\
_base_ = '{ROOT}/configs/kmax/kmax_nano_nuclei-semantic.py'
data_root = 'maps/'
train_dataloader = dict(num_workers=0, batch_size=2, dataset=dict(data_root=data_root))
val_dataloader = dict(num_workers=0, dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
train_cfg = dict(max_iters=1, val_interval=1)
param_scheduler = dict(warmup=0, end=1)
work_dir = 'work_dirs'
"""
LABELS = np.arange(48 * 64).reshape(48, 64) // 768


def make_maps(place):
    """Write a semantic data set of four classes and its config."""
    place.path('semantic.py').write_text(CONFIG)
    for split in ('train', 'val'):
        shutil.copytree(place.path(f'data/{split}'), place.path(f'maps/{split}'))
        folder = place.path(f'maps/semantic_{split}')
        folder.mkdir()
        for number in range(1, 5):
            if place.path(f'maps/{split}/{number}.png').exists():
                cv2.imwrite(str(folder / f'{number}.png'), LABELS.astype(np.uint8))


def change_maps(place, split, change, message):
    """Training stops at a fault of its maps, and at one of validation's, where it validates."""
    make_maps(place)
    for path in place.path(f'maps/semantic_{split}').iterdir():
        change(path)
    place.command('train', 'semantic.py', seconds=120).refused(message, leaves='work_dirs')


def write(labels):
    return lambda path: cv2.imwrite(str(path), np.asarray(labels))


UNKNOWN = r'the annotation maps/semantic_{}/\d\.png of image .* holds labels \[4'
kinds(
    AREA,
    [
        ('labels from 1 in training', 'train', write(LABELS.astype(np.uint8) + 1),
         UNKNOWN.format('train')),
        ('labels from 1 in validation', 'val', write(LABELS.astype(np.uint8) + 1),
         UNKNOWN.format('val')),
        ('a map of labels that is a pipe', 'train', in_place_of(os.mkfifo), 'is a named pipe'),
        ('a map of labels that is cut', 'train', cut, r'maps/semantic_train/\d\.png'),
        ('a map of labels that is missing', 'train', os.unlink, r'semantic_train/\d\.png'),
        ('a map of labels of another size', 'train', write(LABELS[:20].astype(np.uint8)),
         r'has size \(20, 64\), but the image \(48, 64\)'),
        ('a map of colours in training', 'train', write(np.zeros((48, 64, 3), np.uint8)),
         'must have one channel'),
        ('a map of labels in 16 bits', 'train', write(LABELS.astype(np.uint16)),
         'has 16 bits, but mmseg reads labels of 8'),
    ],
    change_maps,
)  # fmt: skip


def wrong_map(place, change, message):
    for folder in ('gt', 'pred'):
        place.path(folder).mkdir()
        cv2.imwrite(f'{folder}/1.png', np.ones((9, 9), np.uint8))
    change(place.path('gt/1.png'))
    with place.raises((ValueError, FileNotFoundError), message):
        mean_iou('gt', 'pred', 2)


kinds(
    AREA,
    [
        ('maps that count from 1', write(np.full((9, 9), 2, np.uint8)), 'holds the label 2'),
        ('a map of colours', write(np.ones((9, 9, 3), np.uint8)), 'must have one channel'),
        ('a map of another size', write(np.ones((8, 9), np.uint8)), 'has size'),
        ('a map in 16 bits', write(np.full((9, 9), 300, np.uint16)), 'holds the label 300'),
        ('no map', os.unlink, 'holds no PNG'),
        ('an empty map', lambda path: path.write_bytes(b''), 'cannot be read'),
        ('a map that is a pipe', in_place_of(os.mkfifo), 'is a named pipe'),
        ('a map that is a folder', in_place_of(os.mkdir), 'is a folder'),
        ('a map that claims to be huge', write_head, 'more than the 268435456'),
    ],
    wrong_map,
)


# Images of the inference API that would hang.
def wrong_image(place, change, message):
    change(place.path('data/val/1.png'))
    model = init_detector('config.py', 'weights.pth', device='cpu')
    with place.raises(OSError, message):
        inference_detector(model, 'data/val/1.png')
    inferencer = DetInferencer('config.py', 'weights.pth', device='cpu', show_progress=False)
    with place.raises(OSError, message):
        inferencer('data/val/1.png')
    results = inferencer('data/val', no_save_vis=True)['predictions']
    assert len(results) == 1  # It is not listed; the other image has its result.


kinds(
    AREA,
    [
        ('an image to predict that is a pipe', in_place_of(os.mkfifo), 'is a named pipe'),
        ('an image to predict that is a device', in_place_of(
            lambda path: path.symlink_to('/dev/zero')), 'is a device'),
    ],
    wrong_image,
)  # fmt: skip


@kind(AREA, 'an unlabeled image that is a pipe is left out by label')
def label(place):
    in_place_of(os.mkfifo)(place.path('data/val/1.png'))
    ended = place.command('label', 'config.py', 'weights.pth', 'data/val', 'out', '--workers', 0)
    ended.partly('1 could not be read')
    assert 'is a named pipe' in place.path('out.json').read_text()

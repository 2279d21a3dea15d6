"""The transforms on mmseg's samples, whose maps hold classes and 255 for what is ignored."""

import cv2
import numpy as np
import pytest
from imports import ROOT
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from projects.kmax.datasets.transforms.auto_augment import POLICY

CONFIGS = ROOT / 'configs' / 'kmax' / '_base_' / 'datasets'
SIZE = (65, 97)
PORT = [
    dict(type='mmdet.KMaXResizeScale', target_size=SIZE, scale_range=(0.5, 1.0)),
    dict(type='mmdet.KMaXColorJitter'),
    dict(type='mmdet.KMaXPad', size=SIZE),
]
# One grey level per class, far apart: what is bright must be of a high class.
LEVELS = np.array([30, 80, 130, 180, 230], np.uint8)
IGNORED_LEVEL = 0


@pytest.fixture
def seg_scope():
    init_default_scope('mmseg')
    yield
    init_default_scope('mmdet')


def quadrants(height, width):
    """Classes 0 to 3 in the quarters, class 4 in a bar, an ignored border on the left."""
    classes = np.zeros((height, width), np.uint8)
    classes[height // 2 :] += 2
    classes[:, width // 2 :] += 1
    classes[height // 4 : height // 3] = 4
    classes[:, : width // 8] = 255
    return classes


def draw(classes):
    """Paint each class in its grey level."""
    levels = np.append(LEVELS, np.full(251, IGNORED_LEVEL, np.uint8))
    return np.repeat(levels[classes][..., None], 3, axis=-1)


def planted(height, width):
    """A sample as mmseg's loaders leave it."""
    classes = quadrants(height, width)
    return dict(
        img=draw(classes),
        ori_shape=(height, width),
        img_shape=(height, width),
        gt_seg_map=classes,
        seg_fields=['gt_seg_map'],
        reduce_zero_label=False,
    )


def expected_classes(image):
    """Read the classes back from the grey levels; -1 where another one is near."""
    grey = np.float32(image[..., 0])
    found = np.full(grey.shape, -1)
    for label, level in enumerate(LEVELS):
        found[np.abs(grey - level) < 4] = label
    found[np.abs(grey - IGNORED_LEVEL) < 4] = 255
    around = np.ones((5, 5), np.uint8)
    found[cv2.dilate(grey, around) - cv2.erode(grey, around) > 4] = -1
    return found


GEOMETRY = {
    'original': [
        dict(type='mmdet.KMaXResize', crop_size=SIZE),
        dict(type='mmdet.KMaXRandomScale', scale_range=(0.5, 2.0), num_scales=15),
        dict(type='mmdet.KMaXRandomPadCrop', crop_size=SIZE),
        dict(type='RandomFlip', prob=0.5),
    ],
    'port': [*PORT[::2], dict(type='RandomFlip', prob=0.5)],
}


@pytest.mark.parametrize('recipe', GEOMETRY)
def test_image_and_classes_move_together(recipe, seg_scope):
    np.random.seed(0)
    pipeline = Compose(GEOMETRY[recipe])
    padded, seen = [], set()
    for _ in range(30):
        results = pipeline(planted(120, 160))
        image, classes = results['img'], results['gt_seg_map']
        assert classes.shape == image.shape[:2] == results['img_shape'] == SIZE
        assert classes.dtype == np.uint8
        padding = (image == 127.5).all(-1)
        assert (classes[padding] == 255).all()
        expected = expected_classes(image)
        clear = (expected >= 0) & ~padding
        assert (classes == expected)[clear].all()
        assert clear.sum() > 0.3 * (~padding).sum()
        padded.append(padding.mean())
        seen.update(np.unique(classes).tolist())
    assert seen == {0, 1, 2, 3, 4, 255}
    assert max(padded) > 0.5 and np.ptp(padded) > 0.3


def test_class_zero_is_not_void(seg_scope):
    """0 is void in maps of ids, and a class like any other here."""
    sample = planted(40, 60)
    sample['gt_seg_map'][:] = 0
    np.random.seed(0)
    results = Compose([dict(type='mmdet.KMaXRandomPadCrop', crop_size=SIZE)])(sample)
    assert (results['gt_seg_map'] == 0).sum() == 40 * 60
    assert (results['gt_seg_map'] == 255).sum() == 65 * 97 - 40 * 60


def test_maps_of_ids_are_padded_with_zero(seg_scope):
    for step in (dict(type='mmdet.KMaXRandomPadCrop', crop_size=SIZE), PORT[-1]):
        sample = planted(40, 60)
        del sample['seg_fields']
        sample['gt_seg_map'][:] = 7
        ids = Compose([step])(sample)['gt_seg_map']
        assert (ids == 7).sum() == 40 * 60 and (ids == 0).sum() == 65 * 97 - 40 * 60


@pytest.mark.parametrize('magnitude', [1.0, 0.2])
def test_colours_leave_the_classes(magnitude, seg_scope):
    """Every pair of operations of the policy, and the port's jitter."""
    pipeline = Compose([dict(type='mmdet.KMaXAutoAugment', magnitude_scale=magnitude), PORT[1]])
    augment = pipeline.transforms[0]
    changed = 0
    for pair in augment.policy:
        operations = [(name, *arguments) for name, _, *arguments in pair]
        augment._draw_operations = lambda drawn=operations: drawn
        results = pipeline(planted(60, 80))
        assert np.array_equal(results['gt_seg_map'], quadrants(60, 80))
        changed += not np.array_equal(results['img'], draw(quadrants(60, 80)))
    assert changed == len(POLICY)


@pytest.fixture
def official(tmp_path):
    """Write two images in both official layouts and return their classes."""
    labels = np.uint8(quadrants(90, 130))
    # ADE20K has 1 for the first class and 0 for none.
    ade_labels = np.where(labels == 255, 0, labels + 1).astype(np.uint8)
    files = {
        'images/training/a.jpg': draw(labels),
        'annotations/training/a.png': ade_labels,
        'leftImg8bit/train/x/a_leftImg8bit.png': draw(labels),
        'gtFine/train/x/a_gtFine_labelTrainIds.png': labels,
    }
    for name, array in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), array)
    return tmp_path


@pytest.mark.parametrize('name', ['ade20k_semantic_641', 'cityscapes_semantic'])
def test_recipe_of_the_original(name, official, seg_scope):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    settings = {**config.train_dataloader.dataset, 'data_root': str(official)}
    dataset = DATASETS.build(settings)
    assert len(dataset) == 1
    np.random.seed(0)
    padded = []
    for _ in range(2 if name.startswith('city') else 5):
        sample = dataset[0]
        classes = sample['data_samples'].gt_sem_seg.data
        assert sample['inputs'].shape[1:] == config.crop_size == classes.shape[1:]
        padding = (sample['inputs'] == 127.5).all(0)
        assert (classes[0][padding] == 255).all()
        assert set(classes.unique().tolist()) <= {0, 1, 2, 3, 4, 255}
        padded.append(int(padding.sum()))
    assert len(set(padded)) > 1


def test_recipe_is_that_of_the_panoptic_config():
    """But for the segments pasted."""

    def steps(name):
        pipeline = Config.fromfile(CONFIGS / f'{name}.py').train_pipeline
        kept = [
            dict(step, type=step.type.removeprefix('mmdet.'))
            for step in pipeline
            if 'Load' not in step.type and 'Pack' not in step.type
        ]
        return [step for step in kept if step['type'] != 'KMaXPanopticCopyPaste']

    assert steps('ade20k_semantic_641') == steps('ade20k_panoptic_641x641')
    assert steps('cityscapes_semantic') == steps('cityscapes_panoptic')

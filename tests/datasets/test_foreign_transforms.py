"""What docs/augmentation.md says of steps of mmdet and mmcv, and its examples."""

import ast
import random
import re

import numpy as np
import pytest
import torch
from imports import ROOT
from mmdet.registry import DATASETS, TRANSFORMS
from mmengine.config import Config
from mmengine.registry import init_default_scope

PAGE = (ROOT / 'docs' / 'augmentation.md').read_text()
ROW = re.compile(r'^\| `(dict\(.*?\))` \| (yes|no|error) \|', re.MULTILINE)
MOVING, COLORS = (ROW.findall(part) for part in PAGE.split('Steps that change colours alone'))
EXAMPLES = re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL)
LEVELS = np.array([0, 40, 80, 160, 200, 240])
"""Of void and five segments, none near those that steps fill with."""

MAX_OFF = 12


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmdet')


def settings_of(text):
    """Read a dict(...) of literals, dicts in it too."""

    def read(node):
        if isinstance(node, ast.Call):
            return {word.arg: read(word.value) for word in node.keywords}
        if isinstance(node, ast.List):
            return [read(item) for item in node.elts]
        return ast.literal_eval(node)

    return read(ast.parse(text, mode='eval').body)


def sample(dtype=np.uint8):
    """Return an image whose levels tell the segments of its map."""
    ids = np.zeros((90, 120), np.int16)
    ids[:40, :70], ids[:40, 70:], ids[40:, :50], ids[40:, 50:] = 1, 2, 3, 4
    ids[20:60, 30:80] = 5
    ids[80:] = 0
    image = np.repeat(LEVELS[ids][..., None], 3, axis=2).astype(dtype)
    labels = np.arange(5)
    shape = ids.shape
    return dict(
        img=image, gt_seg_map=ids, gt_segment_labels=labels, img_shape=shape, ori_shape=shape
    )


def inside(values):
    """Tell which pixels are away from edges, at which levels are mixed."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, mode='edge'), (5, 5))
    return around.min((2, 3)) == around.max((2, 3))


def is_in_step(image, ids):
    if image.shape[:2] != ids.shape or ids.min() < 0 or ids.max() > 5:
        return False
    off = np.abs(image[..., :1].astype(float) - LEVELS)
    told = np.where(off.min(2) <= MAX_OFF, off.argmin(2), 0)
    return bool((told == ids)[inside(told)].all())


def outcome(settings, dtype=np.uint8, compare=is_in_step):
    """Try a step with several draws."""
    step = TRANSFORMS.build(settings)
    for seed in range(10):
        random.seed(seed), np.random.seed(seed), torch.manual_seed(seed)
        try:
            found = step(sample(dtype))
        # Each step has errors of its own.
        except Exception:
            return 'error'
        if not compare(found['img'], found['gt_seg_map']):
            return 'no'
    return 'yes'


def test_the_page_has_its_tables():
    assert len(MOVING) > 25 and len(COLORS) > 8 and len(EXAMPLES) == 3


@pytest.mark.parametrize(('step', 'told'), MOVING)
def test_moves_image_and_map_alike(step, told):
    assert outcome(settings_of(step)) == told


@pytest.mark.parametrize(('step', 'told'), COLORS)
def test_leaves_the_map(step, told):
    def is_left(image, ids):
        return image.shape == (90, 120, 3) and np.array_equal(ids, sample()['gt_seg_map'])

    assert outcome(settings_of(step), np.uint8, is_left) == 'yes'
    assert outcome(settings_of(step), np.float32, is_left) == told


@pytest.mark.parametrize('number', [0, 2])
def test_examples_train_on_an_image(number, folder, tmp_path, monkeypatch):
    (tmp_path / 'my_transforms.py').write_text(EXAMPLES[1])
    (tmp_path / 'mine.py').write_text(EXAMPLES[number])
    monkeypatch.syspath_prepend(tmp_path)
    config = Config.fromfile(tmp_path / 'mine.py')
    init_default_scope('mmdet')
    files = dict(ann_file='panoptic.json', data_prefix=dict(img='images', seg='panoptic'))
    dataset = config.train_dataloader.dataset
    data = DATASETS.build({**dataset, **files, 'data_root': str(folder)})
    for index in range(len(data)):
        found = data[index]
        assert found['inputs'].shape == (3, *config.crop_size)
        ids = found['data_samples'].gt_panoptic_seg.ids
        assert ids.shape == (1, *config.crop_size) and ids.max() == 2

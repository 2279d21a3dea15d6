"""A user's folder: a small data set, a config, weights that fit it, made once and copied."""

import json
import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import torch
from imports import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.kmax.panoptic_format import write_panoptic_png

CATEGORIES = [
    dict(id=1, name='car', isthing=1, color=[0, 0, 142]),
    dict(id=2, name='person', isthing=1, color=[220, 20, 60]),
    dict(id=7, name='road', isthing=0, color=[128, 64, 128]),
    dict(id=9, name='sky', isthing=0, color=[70, 130, 180]),
]
SIZE = HEIGHT, WIDTH = 48, 64
CONFIG = """\
_base_ = [
    '{configs}/models/kmax_nano.py',
    '{configs}/datasets/my_panoptic.py',
    '{configs}/schedules/schedule_small.py',
]
data_root = 'data/'
crop_size = (33, 65)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticIds'),
    dict(type='KMaXResize', crop_size=crop_size),
    dict(type='KMaXRandomPadCrop', crop_size=crop_size),
    dict(type='PackKMaXInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='KMaXResize', crop_size=crop_size),
    dict(type='LoadPanopticIds'),
    dict(type='PackKMaXInputs'),
]
model = dict(
    backbone=dict(depth=18, stem_channels=8, base_channels=8),
    panoptic_head=dict(
        num_things_classes=2,
        num_stuff_classes=2,
        in_channels=[8, 8, 16, 32, 64],
        pixel_decoder=dict(channels=(16, 8, 8, 8), num_blocks=(1, 1, 1, 1), num_heads=2),
        transformer_decoder=dict(
            num_queries=8, num_layers=(1, 1, 1), embed_dims=16, num_heads=2, mask_channels=8,
            feedforward_channels=32,
        ),
        semantic_decoder=dict(channels=8, low_level_channels=(4, 4)),
    ),
    # Random weights must find something.
    test_cfg=dict(
        pixel_confidence_threshold=0.0, class_threshold_thing=0.0, class_threshold_stuff=0.0,
        overlap_threshold=0.0, thing_area_limit=0, stuff_area_limit=0,
    ),
)
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    **loader, batch_size=2, dataset=dict(data_root=data_root, pipeline=train_pipeline)
)
val_dataloader = dict(**loader, dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(
    ann_file=data_root + 'panoptic_val.json', seg_prefix=data_root + 'panoptic_val/'
)
test_evaluator = val_evaluator
train_cfg = dict(max_iters=2, val_interval=2)
param_scheduler = dict(warmup=1, end=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=2))
work_dir = 'work_dirs'
"""


def make_template(folder: Path) -> Path:
    """Make the folder that is copied for each kind."""
    (folder / 'data').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, count in (('train', 4), ('val', 2)):
        _write_split(folder / 'data', split, count, rng)
    (folder / 'config.py').write_text(CONFIG.format(configs=ROOT / 'configs/kmax/_base_'))
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(folder / 'config.py').model)
    logging.disable(logging.INFO)
    model.init_weights()
    logging.disable(logging.NOTSET)
    torch.save(dict(state_dict=model.state_dict()), folder / 'weights.pth')
    return folder


def make_folder(template: Path, folder: Path) -> Path:
    """Copy the template."""
    shutil.copytree(template, folder)
    return folder


def _write_split(root, split, count, rng):
    images, annotations = [], []
    for name in (split, f'panoptic_{split}'):
        (root / name).mkdir()
    for number in range(1, count + 1):
        ids, segments = _draw_ids(number)
        image = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        cv2.imwrite(str(root / split / f'{number}.png'), image)
        write_panoptic_png(root / f'panoptic_{split}' / f'{number}.png', ids)
        images.append(dict(id=number, file_name=f'{number}.png', height=HEIGHT, width=WIDTH))
        annotations.append(dict(image_id=number, file_name=f'{number}.png', segments_info=segments))
    content = dict(images=images, annotations=annotations, categories=CATEGORIES)
    (root / f'panoptic_{split}.json').write_text(json.dumps(content))


def _draw_ids(number):
    """Ids of a road below the sky with a car and, in even images, a person; a strip of void."""
    ids = np.zeros(SIZE, np.int64)
    classes = {300: 9, 70000: 7, 5: 1}
    ids[:20], ids[20:44] = 300, 70000
    ids[24:40, 8:30] = 5
    if number % 2 == 0:
        ids[10:40, 40:50] = 6
        classes[6] = 2
    segments = []
    for segment, category in classes.items():
        rows, columns = np.nonzero(ids == segment)
        x, y = int(columns.min()), int(rows.min())
        box = [x, y, int(columns.max()) - x + 1, int(rows.max()) - y + 1]
        segments.append(dict(id=segment, category_id=category, iscrowd=0, area=len(rows), bbox=box))
    return ids, segments

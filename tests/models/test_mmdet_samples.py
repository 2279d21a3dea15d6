"""Targets from samples of mmdet's own panoptic pipeline."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.models import DetDataPreprocessor
from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample
from mmengine.registry import init_default_scope

from projects.kmax.models.data_preprocessor import KMaXDataPreprocessor
from projects.kmax.models.targets import build_targets
from projects.kmax.panoptic_format import write_panoptic_png

THINGS, STUFF = ('cat', 'dog'), ('grass', 'sky')
CATEGORIES = [
    {'id': 10 * (row + 1), 'name': name, 'isthing': int(name in THINGS)}
    for row, name in enumerate(THINGS + STUFF)
]
# (category, crowd), in columns of 8 pixels after one of void; two segments of grass.
SEGMENTS = [(10, 0), (20, 0), (30, 0), (20, 1), (30, 0), (40, 0), (10, 0)]
SIZES = {1: (40, 64), 2: (32, 48)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for image, (height, width) in SIZES.items():
        name = f'{image}.png'
        cv2.imwrite(str(tmp_path / name), rng.integers(0, 256, (height, width, 3), np.uint8))
        (tmp_path / 'seg').mkdir(exist_ok=True)
        ids = np.tile(1000 * (np.arange(width) // 8), (height, 1))
        write_panoptic_png(tmp_path / 'seg' / name, ids)
        segments = []
        for row, (category, crowd) in enumerate(SEGMENTS[: width // 8 - 1], start=1):
            segment = dict(id=1000 * row, category_id=category, iscrowd=crowd)
            segments.append(segment | dict(bbox=[8 * row, 0, 8, height], area=8 * height))
        images.append(dict(id=image, file_name=name, height=height, width=width))
        annotations.append(dict(image_id=image, file_name=name, segments_info=segments))
    content = dict(images=images, annotations=annotations, categories=CATEGORIES)
    (tmp_path / 'panoptic.json').write_text(json.dumps(content))
    return tmp_path


def batch_of(folder: Path, dataset: str, loading: str, packing: str) -> dict:
    """Both images, flipped, as a pipeline of the given transforms makes them."""
    init_default_scope('mmdet')
    pipeline = [dict(type='LoadImageFromFile'), dict(type=loading)]
    pipeline += [dict(type='RandomFlip', prob=1.0), dict(type=packing)]
    classes = dict(classes=THINGS + STUFF, thing_classes=THINGS, stuff_classes=STUFF)
    built = DATASETS.build(
        dict(
            type=dataset,
            ann_file=str(folder / 'panoptic.json'),
            data_prefix=dict(img=str(folder), seg=str(folder / 'seg')),
            metainfo=dict(classes, palette=[]),
            pipeline=pipeline,
        )
    )
    samples = [built[index] for index in range(len(built))]
    return {key: [sample[key] for sample in samples] for key in ('inputs', 'data_samples')}


def stock_batch(folder: Path) -> dict:
    return batch_of(folder, 'CocoPanopticDataset', 'LoadPanopticAnnotations', 'PackDetInputs')


PREPROCESSORS = {
    'ours': lambda: KMaXDataPreprocessor(pad_size=(65, 65)),
    'mmdet': lambda: DetDataPreprocessor(
        pad_size_divisor=65, pad_mask=True, pad_seg=True, mean=[127.5] * 3, std=[127.5] * 3
    ),
    'mmdet, nothing padded but images': lambda: DetDataPreprocessor(pad_size_divisor=65),
}


@pytest.mark.parametrize('preprocessor', PREPROCESSORS)
@pytest.mark.parametrize('small_area', [0, 300])
def test_targets_equal_those_of_our_pipeline(folder, preprocessor, small_area):
    batches = [
        batch_of(folder, 'KMaXPanopticDataset', 'LoadPanopticIds', 'PackKMaXInputs'),
        stock_batch(folder),
    ]
    ours, stock = (
        build_targets(
            PREPROCESSORS[preprocessor]()(batch, training=True)['data_samples'],
            num_things_classes=2,
            small_instance_area=small_area,
            small_instance_weight=3.0,
        )
        for batch in batches
    )
    for expected, found in zip(ours, stock, strict=True):
        assert expected.masks.shape[1:] == (17, 17)
        for name in ('labels', 'masks', 'is_thing', 'void', 'weight'):
            assert torch.equal(getattr(found, name), getattr(expected, name)), name
        known = ~expected.void
        assert torch.equal(found.semantic[known], expected.semantic[known])
    assert ours[0].labels.tolist() == [0, 1, 0, 2, 3]
    # Void and crowd, two columns of eight pixels each, and the padding.
    assert ours[0].void.sum() == 10 * 4 + 17 * 17 - 10 * 16
    assert (stock[1].weight.max() == 3) == (small_area > 0)


def test_samples_without_ground_truth_are_named():
    sample = DetDataSample(metainfo=dict(img_path='a/1.png'))
    with pytest.raises(ValueError, match='a/1.png holds neither gt_panoptic_seg .* gt_sem_seg'):
        build_targets([sample], num_things_classes=2)


def test_ground_truth_beyond_the_batch_is_named(folder):
    (sample, _) = stock_batch(folder)['data_samples']
    sample.set_metainfo(dict(batch_input_shape=(33, 65)))
    with pytest.raises(ValueError, match=r'of 40x64 .*1\.png is larger than its batch of 33x65'):
        build_targets([sample], num_things_classes=2)

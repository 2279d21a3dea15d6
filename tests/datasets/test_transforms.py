"""Geometry of the transforms, against the original system's where it was recorded."""

import json

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmdet.datasets.transforms import PhotoMetricDistortion, RandomFlip
from mmdet.structures import DetDataSample
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData

from projects.kmax.datasets import KMaXRandomPadCrop, KMaXRandomScale, KMaXResize, PackKMaXInputs
from projects.kmax.datasets.transforms.loading import number_segments
from projects.kmax.models.data_preprocessor import KMaXDataPreprocessor
from projects.kmax.models.targets import _pad_to_batch, build_targets
from projects.kmax.panoptic.segments import parse_segments

EVALUATIONS = ('coco_like', 'coco_down', 'cityscapes_like')
SCALES = ('0.4', '0.7', '1.3', '1.7')
THINGS, STUFF = (1, 17), (90, 100)


@pytest.fixture
def sample():
    """A float image whose pixels hold their own position, and a map of the same."""
    rows, columns = np.mgrid[1:31, 1:41]
    image = np.stack([rows, columns, rows + columns], axis=-1).astype(np.float32)
    ids = (100 * rows + columns).astype(np.int16)
    return {'img': image, 'gt_seg_map': ids, 'ori_shape': (30, 40), 'img_shape': (30, 40)}


def _recorded_sample(recorded):
    image, label = recorded['image'], recorded['label'][..., 0]
    return {'img': image, 'gt_seg_map': label, 'ori_shape': image.shape[:2]}


@pytest.mark.parametrize('case', EVALUATIONS)
def test_evaluation_equals_the_original(recorded, case):
    """Resized to fit, but for Cityscapes, and padded at the bottom and on the right."""
    meta = json.loads(bytes(recorded['meta_json']))[f'eval/{case}']
    crop = meta['crop_height'], meta['crop_width']
    results = _recorded_sample(recorded)
    if case != 'cityscapes_like':
        results = KMaXResize(crop)(results)
    assert [*results['img'].shape[:2]] == meta['resized']
    image = torch.from_numpy(results['img'][..., ::-1].transpose(2, 0, 1).copy())
    data_sample = DetDataSample(
        gt_panoptic_seg=PixelData(ids=torch.from_numpy(results['gt_seg_map'])[None])
    )
    batch = KMaXDataPreprocessor(pad_size=crop)(
        {'inputs': [image], 'data_samples': [data_sample]}, training=True
    )
    restored = (batch['inputs'][0] + 1).permute(1, 2, 0).double() * 127.5
    np.testing.assert_allclose(restored, recorded[f'eval/{case}/image'], rtol=0, atol=1e-3)
    (data_sample,) = batch['data_samples']
    padded_ids = _pad_to_batch(data_sample.gt_panoptic_seg.ids[0], data_sample)
    np.testing.assert_array_equal(padded_ids, recorded[f'eval/{case}/label'][..., 0])


@pytest.mark.parametrize('scale', SCALES)
def test_scale_equals_the_original(recorded, scale):
    jitter = KMaXRandomScale((float(scale), float(scale)), num_scales=1)
    results = jitter(_recorded_sample(recorded))
    np.testing.assert_array_equal(results['gt_seg_map'], recorded[f'scale/{scale}/label'][..., 0])
    np.testing.assert_allclose(
        results['img'][::3, ::3], recorded[f'scale/{scale}/image'], atol=1e-3
    )


def test_scales_are_those_the_original_draws(recorded):
    expected = json.loads(bytes(recorded['meta_json']))['scale_steps_tf']
    ranges = {
        'coco': (0.3, 1.7),
        'coco_paste': (0.15, 0.85),
        'other': (0.5, 2.0),
        'other_paste': (0.25, 1.0),
    }
    assert ranges.keys() == expected.keys()
    for name, scale_range in ranges.items():
        scales = KMaXRandomScale(scale_range, expected[name]['n']).scales
        np.testing.assert_allclose(scales, expected[name]['values'], atol=1e-4)


def _recorded_ground_truth(recorded):
    """Turn the label map of the recorded ground truth into a packed sample."""
    label = recorded['paste/0/label'][..., 0]
    segments = [dict(id=v, category_id=v // 256) for v in np.unique(label).tolist() if v]
    labels = {category: index for index, category in enumerate(THINGS + STUFF)}
    results = parse_segments(segments, labels, len(THINGS))
    ids = number_segments(
        label.astype(np.uint32),
        results | {'seg_map_path': '1.png', 'img_id': 1, 'ann_file': 'x.json'},
    )
    labels = np.array(results['segment_labels'])
    return {'img': recorded['paste/0/image'], 'gt_seg_map': ids, 'gt_segment_labels': labels}


@pytest.mark.parametrize('stride', [1, 4])
def test_ground_truth_equals_the_original(recorded, stride):
    sample = PackKMaXInputs(meta_keys=())(_recorded_ground_truth(recorded))['data_samples']
    (targets,) = build_targets([sample], len(THINGS), stride=stride)
    names = np.array(THINGS + STUFF)
    semantic = np.where(targets.void, 0, names[targets.semantic])
    np.testing.assert_array_equal(semantic, recorded['gt/semantic'][::stride, ::stride, 0])
    # Numbered in another order, which no loss sees: every thing has its mask and its class.
    thing_ids = recorded['gt/thing_id_mask'][::stride, ::stride, 0]
    classes = recorded['gt/thing_id_class']
    assert (classes >= 0).sum() == targets.is_thing.sum() == 3
    seen = set()
    for mask, label in zip(targets.masks[targets.is_thing], targets.labels, strict=False):
        (thing,) = set(thing_ids[mask].tolist())
        np.testing.assert_array_equal(mask, thing_ids == thing)
        assert names[label] == classes[thing]
        seen.add(thing)
    assert seen == {0, 1, 2}
    assert not recorded['gt/crowd'].any(), 'a recorded crowd would have to be void'


def test_every_recorded_array_is_compared(recorded):
    """A new one needs a test."""
    compared = {
        'image': 'the image of eval and scale',
        'label': 'its label map',
        'meta_json': 'sizes, scales and policies',
        'eval/': 'test_evaluation_equals_the_original',
        'scale/': 'test_scale_equals_the_original',
        'gt/': 'test_ground_truth_equals_the_original',
        'aa/': 'test_auto_augment.py',
        'paste/': 'test_copy_paste.py',
    }
    assert [name for name in recorded if not name.startswith(tuple(compared))] == []
    parts = {name.rpartition('/')[0] for name in recorded}
    assert {p for p in parts if p.startswith('eval/')} == {f'eval/{c}' for c in EVALUATIONS}
    assert {p for p in parts if p.startswith('scale/')} == {f'scale/{s}' for s in SCALES}
    assert {p for p in parts if p.startswith('paste')} == {'paste', 'paste/0', 'paste/1', 'paste/2'}
    assert {name for name in recorded if name.startswith('gt/')} == {
        f'gt/{part}' for part in ('semantic', 'thing_id_mask', 'thing_id_class', 'crowd')
    }


def test_resize_leaves_a_fitting_image_alone(sample):
    image = sample['img'] = sample['img'].astype(np.uint8)
    assert KMaXResize((33, 40))(sample)['img'] is image
    assert sample['scale_factor'] == (1.0, 1.0)


@pytest.mark.parametrize('crop_size', [(20, 50), (50, 20), (20, 20), (50, 60), (30, 40)])
def test_pad_crop_keeps_image_and_ids_together(sample, crop_size):
    np.random.seed(0)
    for _ in range(20):
        results = KMaXRandomPadCrop(crop_size)(dict(sample))
        image, ids = results['img'], results['gt_seg_map']
        assert image.shape == (*crop_size, 3) and ids.shape == crop_size
        real = ids > 0
        assert real.sum() == min(30, crop_size[0]) * min(40, crop_size[1])
        np.testing.assert_array_equal(ids[real], 100 * image[real][:, 0] + image[real][:, 1])
        assert (image[~real] == 127.5).all()


def test_pad_offsets_are_those_of_the_original():
    np.random.seed(0)
    transform = KMaXRandomPadCrop((33, 41))
    targets = [transform._draw_windows((30, 40))[1] for _ in range(200)]
    assert {rows.start for rows, _ in targets} == {0, 1, 2}
    assert {columns.start for _, columns in targets} == {0}


def test_stock_transforms_work_on_image_and_ids(sample):
    np.random.seed(0)
    flipped = RandomFlip(prob=1.0)(dict(sample))
    np.testing.assert_array_equal(flipped['gt_seg_map'], sample['gt_seg_map'][:, ::-1])
    np.testing.assert_array_equal(flipped['img'], sample['img'][:, ::-1])
    flipped['gt_seg_map'] = (flipped['gt_seg_map'] > 500).astype(np.int16)
    flipped['gt_segment_labels'] = np.array([3])
    packed = PackKMaXInputs()(flipped)
    assert packed['data_samples'].flip and packed['inputs'].shape == (3, 30, 40)
    for _ in range(8):
        distorted = KMaXRandomPadCrop((33, 33))(PhotoMetricDistortion()(dict(sample)))
        assert distorted['img'].dtype == np.float32 and np.isfinite(distorted['img']).all()


def test_segments_that_left_the_image_are_not_packed(sample):
    ids = np.zeros((30, 40), np.int16)
    ids[:10], ids[20:] = 2, 4
    sample.update(gt_seg_map=ids, gt_segment_labels=np.array([7, 5, 6, 3]))
    packed = PackKMaXInputs()(sample)['data_samples']
    assert packed.gt_segments.labels.tolist() == [5, 3]
    packed_ids = packed.gt_panoptic_seg.ids[0].numpy()
    np.testing.assert_array_equal(packed_ids, np.select([ids == 2, ids == 4], [1, 2], 0))


def test_pipeline_of_an_inferencer_needs_no_annotations():
    init_default_scope('mmdet')
    pipeline = Compose(
        [
            {'type': 'InferencerLoader'},
            {'type': 'KMaXResize', 'crop_size': (33, 65)},
            {'type': 'LoadPanopticIds'},
            {'type': 'PackKMaXInputs', 'with_sem_seg': True},
        ]
    )
    packed = pipeline(np.zeros((24, 40, 3), np.uint8))
    assert packed['inputs'].shape == (3, 33, 55)
    assert 'gt_panoptic_seg' not in packed['data_samples']

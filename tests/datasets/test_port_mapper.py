"""The port's data pipeline against the samples its dataset mapper made."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from imports import ROOT
from mmdet.datasets.transforms import Resize
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from kmax_deeplab.resampling import pillow_nearest_index
from projects.kmax.datasets import KMaXColorJitter, KMaXFilterLabels, KMaXPad, KMaXResizeScale
from projects.kmax.datasets.transforms.color_jitter import distort_colors

CONFIG = ROOT / 'configs/kmax/_base_/datasets/coco_panoptic_port.py'
SIZE = 321
# Segments of stuff pasted in the kept reading of each seed, as its masks show: rows of the source.
PASTED_STUFF = [(1, 2), (1, 2), (), (1, 2), (), (2,)]


@pytest.fixture(scope='module')
def recorded(oracle):
    """Facts and arrays of the port's mapper."""
    facts = json.loads(oracle('pytorch/mapper.json').read_text())['meta']
    with np.load(oracle('pytorch/mapper.npz')) as arrays:
        return facts, dict(arrays)


@pytest.fixture(scope='module')
def dataset(oracle):
    """The mapper's images in the port's configuration, at the mapper's size."""
    settings = Config.fromfile(CONFIG).train_dataloader.dataset
    _set_size(settings.pipeline)
    settings.data_root = str(oracle('pytorch/mapper_coco')) + '/coco/'
    settings.data_prefix = {'img': 'train2017/', 'seg': 'panoptic_train2017/'}
    init_default_scope('mmdet')
    return DATASETS.build(settings)


def _set_size(pipeline):
    for step in pipeline:
        for name in ('target_size', 'crop_size', 'size'):
            if name in step:
                step[name] = (SIZE, SIZE)
        _set_size(step.get('source_pipeline', []))


def _transform(dataset, name):
    return next(step for step in dataset.pipeline.transforms if type(step).__name__ == name)


def _replay(dataset, facts, monkeypatch):
    """Run the pipeline on the pairs of images that were read; return the last sample."""
    paste = _transform(dataset, 'KMaXPanopticCopyPaste')
    numbers = [int(Path(name).stem) for name, *_ in facts['reads_main_then_paste']]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    samples = []
    random.seed(facts['seed'])
    np.random.seed(facts['seed'])
    for index, (main, source) in enumerate(pairs):
        # The stuff of rejected readings is not recorded; without it all of them are rejected here.
        stuff = PASTED_STUFF[facts['seed']] if index == len(pairs) - 1 else ()
        monkeypatch.setattr(paste, '_draw_index', lambda count, source=source: source)
        monkeypatch.setattr(paste, '_draw_subset', lambda members, stuff=stuff: stuff)
        samples.append(dataset.prepare_data(main))
    assert samples[:-1] == [None] * (len(pairs) - 1)
    return samples[-1]


@pytest.mark.parametrize('case', range(6))
def test_masks_and_classes_equal_the_mapper(case, dataset, recorded, monkeypatch):
    facts, arrays = recorded[0][case], recorded[1]
    sample = _replay(dataset, facts, monkeypatch)['data_samples']
    ids = sample.gt_panoptic_seg.ids[0, ::4, ::4].numpy()
    labels = sample.gt_segments.labels.numpy()
    assert labels.tolist() == facts['classes']
    bits = np.unpackbits(arrays[f's{case}_masks'])
    masks = bits[: np.prod(facts['masks_shape'])].reshape(facts['masks_shape'])
    np.testing.assert_array_equal(ids == 1 + np.arange(len(labels))[:, None, None], masks)
    semantic = np.append(-1, labels)[ids]
    np.testing.assert_array_equal(semantic, arrays[f's{case}_sem'])
    assert (ids > 0).sum() == facts['valid_pixel_num']


@pytest.mark.parametrize('case', range(6))
def test_padding_equals_the_mapper(case, dataset, recorded, monkeypatch):
    facts, arrays = recorded[0][case], recorded[1]
    image = _replay(dataset, facts, monkeypatch)['inputs'].numpy()
    assert list(image.shape) == facts['image_shape']
    real = (image != 127.5).any(axis=0)
    np.testing.assert_array_equal(real[::4, ::4], arrays[f's{case}_real_sub4'])
    assert np.float32(real.mean()) == np.float32(facts['real_fraction'])


@pytest.mark.parametrize('case', [0, 3, 4])
def test_unpasted_pixels_equal_the_mapper(case, dataset, recorded, monkeypatch):
    """Where the first pair was kept, the seed gives the first image's colours, too."""
    facts, arrays = recorded[0][case], recorded[1]
    source = int(facts['reads_main_then_paste'][1][0][:-4])
    paste = _transform(dataset, 'KMaXPanopticCopyPaste')
    monkeypatch.setattr(paste, '_draw_index', lambda count: source)
    monkeypatch.setattr(paste, '_draw_subset', lambda members: PASTED_STUFF[case])
    applied = {}
    monkeypatch.setattr(
        'projects.kmax.datasets.transforms.copy_paste.paste', lambda *args: applied.update(a=args)
    )
    random.seed(case)
    np.random.seed(case)
    dataset.prepare_data(facts['main'])
    main, other, rows = applied['a']
    expected = arrays[f's{case}_image_sub8'].transpose(1, 2, 0)[..., ::-1]
    kept = ((rows[other['gt_seg_map']] == 0) & (main['img'] != 127.5).any(axis=-1))[::8, ::8]
    assert kept.mean() > 0.3
    difference = np.abs(main['img'][::8, ::8] - expected)[kept]
    assert difference.max() == 0


def test_sizes_of_evaluation_equal_the_shortest_edge_rule():
    """mmdet's Resize gives the sizes of detectron2's ResizeShortestEdge(1281, max 1281)."""
    resize = Resize(scale=(1281, 1281), keep_ratio=True, backend='pillow')
    for height, width in [(480, 640), (640, 427), (333, 500), (97, 640), (640, 640), (612, 612)]:
        image = np.zeros((height, width, 3), np.uint8)
        scale = 1281 / min(height, width)
        scale *= 1281 / max(height * scale, width * scale)
        expected = (int(height * scale + 0.5), int(width * scale + 0.5))
        assert resize({'img': image})['img'].shape[:2] == expected


def test_image_is_resized_by_pillow():
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
    results = KMaXResizeScale((40, 30), (0.5, 0.5))({'img': image, 'ori_shape': (37, 53)})
    expected = Image.fromarray(image).resize((15, 10), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(results['img'], np.asarray(expected))
    assert results['img_shape'] == (10, 15)
    assert results['scale_factor'] == (15 / 53, 10 / 37)


@pytest.mark.parametrize(('size', 'new_size'), [(480, 1281), (97, 13), (5, 5), (3, 1)])
def test_nearest_index_is_pillows(size, new_size):
    colors = np.arange(size, dtype=np.uint32)
    rgb = np.stack([colors % 256, colors // 256, 0 * colors], axis=-1).astype(np.uint8)[:, None]
    resized = np.asarray(Image.fromarray(rgb).resize((1, new_size), Image.Resampling.NEAREST))
    expected = resized[:, 0, 0] + 256 * resized[:, 0, 1].astype(int)
    np.testing.assert_array_equal(pillow_nearest_index(size, new_size), expected)


def test_sizes_are_rounded_half_to_even():
    assert KMaXResizeScale((10, 10), (1, 1)).scaled_size(4, 8, 0.25) == (1, 2)
    assert KMaXResizeScale((10, 10), (1, 1)).scaled_size(4, 8, 0.75) == (4, 8)
    assert KMaXResizeScale((10, 10), (1, 1)).scaled_size(1, 900, 1.0) == (1, 10)


def test_colors_are_distorted_within_uint8():
    mixed, red = [[0, 100, 250], [10, 20, 30]], [[0, 0, 200]] * 2
    for pixels, step, expected in (
        (mixed, ('brightness', 10.7), [[10, 110, 255], [20, 30, 40]]),
        (mixed, ('contrast', 1.27), [[0, 127, 255], [12, 25, 38]]),
        (red, ('hue', -60), [[200, 0, 0]] * 2),
        (red, ('saturation', 0.5), [[100, 100, 200]] * 2),
    ):
        assert distort_colors(np.uint8([pixels]), [step]).tolist() == [expected]


def test_every_color_step_is_drawn_half_of_the_time():
    random.seed(0)
    jitter = KMaXColorJitter()
    draws = [jitter._draw_steps() for _ in range(2000)]
    limits = {'brightness': (-32, 32), 'contrast': (0.5, 1.5), 'saturation': (0.5, 1.5)}
    for name, (low, high) in (limits | {'hue': (-18, 18)}).items():
        amounts = [amount for steps in draws for step, amount in steps if step == name]
        assert len(amounts) / 2000 == pytest.approx(0.5, abs=0.04)
        assert low <= min(amounts) and max(amounts) <= high
        assert max(amounts) - min(amounts) > 0.98 * (high - low)


def test_samples_with_few_labels_are_dropped_and_absent_segments_forgotten():
    ids = np.zeros((64, 64), np.int16)
    ids[:32], ids[63] = 3, 2
    sample = {'gt_seg_map': ids, 'gt_segment_labels': np.array([5, 6, 7])}
    kept = KMaXFilterLabels(min_pixels=127)(dict(sample))
    assert kept['gt_segment_labels'].tolist() == [7]
    np.testing.assert_array_equal(kept['gt_seg_map'], ids == 3)
    assert KMaXFilterLabels(min_pixels=128)(dict(sample)) is None
    empty = {'gt_seg_map': 0 * ids, 'gt_segment_labels': np.array([], np.int64)}
    assert KMaXFilterLabels(min_pixels=0)(empty) is None


def test_padding_is_grey_void_at_the_bottom_and_right():
    sample = {'img': np.ones((2, 3, 3), np.uint8), 'gt_seg_map': np.ones((2, 3), np.int16)}
    padded = KMaXPad((4, 5))(sample)
    assert padded['img'].dtype == np.float32 and padded['img'].shape == (4, 5, 3)
    assert (padded['img'][:2, :3] == 1).all() and padded['img'].sum() == 18 + 14 * 3 * 127.5
    assert padded['gt_seg_map'].sum() == 6 and padded['img_shape'] == (4, 5)

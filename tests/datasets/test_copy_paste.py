"""Panoptic copy-paste against the outcomes the original recorded, and its random draws."""

import random

import numpy as np
import pytest

from projects.kmax.datasets import KMaXPanopticCopyPaste

SHIFT = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadPanopticIds'},
    {'type': 'KMaXRandomPadCrop', 'crop_size': (33, 49)},
]
THINGS, STUFF = (1, 17), (90, 100)


class _Prepared:
    """A data set of one sample that is already prepared."""

    metainfo = {'thing_classes': THINGS}
    ann_file = 'x.json'

    def __init__(self, sample):
        self.sample = sample

    def __len__(self):
        return 1

    def run_pipeline(self, pipeline, idx):
        return self.sample


def _sample(image, panoptic):
    """Turn one of the original's samples, whose things are ``class * 256 + number``, into ours."""
    values = [int(value) for value in np.unique(panoptic) if value >= 256]
    ids = np.zeros(panoptic.shape, np.int16)
    for row, value in enumerate(values, start=1):
        ids[panoptic == value] = row
    labels = np.array([(THINGS + STUFF).index(value // 256) for value in values])
    image = image.copy()  # is pasted onto
    return {'img': image, 'gt_seg_map': ids, 'gt_segment_labels': labels, 'img_id': 1}, values


@pytest.mark.parametrize(('trial', 'with_stuff'), [(0, True), (1, False), (2, True)])
def test_outcome_equals_the_original(trial, with_stuff, recorded, monkeypatch):
    main, values = _sample(recorded['paste/A'], recorded['paste/LA'][..., 0])
    source, source_values = _sample(recorded['paste/B'], recorded['paste/LB'][..., 0])
    transform = KMaXPanopticCopyPaste([])
    candidates = []
    stuff = [row for row, v in enumerate(source_values, start=1) if v // 256 in STUFF]
    monkeypatch.setattr(
        transform, '_draw_subset', lambda members: candidates.extend(members) or stuff * with_stuff
    )
    results = transform(main | {'dataset': _Prepared(source)})
    assert candidates == [0, *range(1, len(source_values) + 1)]
    np.testing.assert_array_equal(results['img'], recorded[f'paste/{trial}/image'])
    # The original numbers pasted things downwards from 255.
    pasted = [v // 256 * 256 + 255 - v % 256 for v in source_values if v // 256 in THINGS]
    panoptic_of_id = np.array([0, *values, *pasted])
    np.testing.assert_array_equal(
        panoptic_of_id[results['gt_seg_map']], recorded[f'paste/{trial}/label'][..., 0]
    )
    categories = np.array(THINGS + STUFF)[results['gt_segment_labels']]
    np.testing.assert_array_equal(categories, panoptic_of_id[1:] // 256)


def _build(build_dataset, **options):
    paste = {'type': 'KMaXPanopticCopyPaste', 'source_pipeline': SHIFT, **options}
    return build_dataset(pipeline=[*SHIFT, paste])


@pytest.mark.parametrize('draw_from', ['labels', 'segments'])
def test_things_are_new_segments_and_stuff_joins_its_class(draw_from, build_dataset):
    dataset = _build(build_dataset, draw_from=draw_from)
    grass = {}
    for seed in range(30):
        random.seed(seed)
        np.random.seed(seed)
        sample = dataset[0]
        labels = sample['gt_segment_labels'].tolist()
        assert labels in ([0, 1, 2], [0, 1, 2, 0, 1]), 'things again, grass never twice'
        ids, image = sample['gt_seg_map'], sample['img']
        assert ids.dtype == np.int16 and ids.max() <= len(labels)
        assert (image[ids > 0] != 127.5).any(axis=-1).all(), 'nothing of the padding is labelled'
        grass.setdefault(len(labels), set()).add(int((ids == 3).sum()))
    assert len(grass[5]) > 2 and grass[3] == {24 * 14}


def test_main_sample_is_not_changed_by_pasting_it_onto_itself(build_dataset):
    dataset = _build(build_dataset, draw_from='segments')
    before = dataset.get_data_info(0)
    dataset[0]
    assert dataset.get_data_info(0) == before


def _random_sample(rng, num_segments):
    ids = rng.integers(0, num_segments + 1, (60, 60)).astype(np.int16)
    labels = rng.integers(0, 6, num_segments)
    image = rng.random((60, 60, 3), np.float32)
    return {'img': image, 'gt_seg_map': ids, 'gt_segment_labels': labels, 'img_id': 1}


@pytest.mark.parametrize('num_segments', [5, 40, 400])
def test_ids_never_collide(num_segments):
    """Not even where the original's, counted from both ends of 256, would meet."""
    rng = np.random.default_rng(0)
    main, source = _random_sample(rng, num_segments), _random_sample(rng, num_segments)
    main_ids = main['gt_seg_map'].copy()
    results = KMaXPanopticCopyPaste([])(main | {'dataset': _Prepared(source)})
    ids, labels = results['gt_seg_map'], results['gt_segment_labels']
    assert 0 <= ids.min() and ids.max() <= len(labels)
    pasted = (results['img'] == source['img']).all(axis=-1)
    main_ids[pasted] = 0
    np.testing.assert_array_equal(ids[~pasted], main_ids[~pasted])
    source_labels = source['gt_segment_labels']
    of_source = np.where(pasted, source['gt_seg_map'], 0)
    np.testing.assert_array_equal(labels[ids[pasted] - 1], source_labels[of_source[pasted] - 1])
    pairs = np.unique(np.stack([ids, of_source]).reshape(2, -1)[:, pasted.ravel()], axis=1)
    things = pairs[:, labels[pairs[0] - 1] < len(THINGS)]
    assert len(set(things[0])) == len(set(things[1])) == things.shape[1] > 0
    assert not set(things[0]) & set(main_ids.ravel()), 'no pasted thing joins one of the first'


def test_numbers_drawn_are_uniform():
    transform = KMaXPanopticCopyPaste([])
    random.seed(0)
    sizes = [len(transform._draw_subset([1, 2, 3])) for _ in range(4000)]
    np.testing.assert_allclose(np.bincount(sizes) / 4000, 0.25, atol=0.03)


def test_padding_is_no_label_but_void_is():
    image = np.full((4, 4, 3), 127.5, np.float32)
    ids = np.zeros((4, 4), np.int16)
    image[:2], ids[:2] = 7, 1
    transform = KMaXPanopticCopyPaste([])
    sample = {'img': image, 'gt_seg_map': ids, 'gt_segment_labels': np.array([0])}
    assert transform._candidates(sample) == [1]
    image[3] = 9
    assert transform._candidates(sample) == [0, 1]


def test_equal_seeds_give_equal_samples(build_dataset):
    dataset = _build(build_dataset)
    samples = []
    for _ in range(2):
        random.seed(3)
        np.random.seed(3)
        samples.append(dataset[0])
    np.testing.assert_array_equal(samples[0]['img'], samples[1]['img'])
    np.testing.assert_array_equal(samples[0]['gt_seg_map'], samples[1]['gt_seg_map'])


def test_damaged_source_image_is_named(build_dataset, panoptic_folder, monkeypatch):
    dataset = _build(build_dataset)
    (panoptic_folder / 'images' / '2.jpg').unlink()
    monkeypatch.setattr(dataset.pipeline.transforms[-1], '_draw_index', lambda count: count - 1)
    with pytest.raises(FileNotFoundError, match=r'image 2 \(.*images/2\.jpg\) of .*panoptic\.json'):
        dataset[0]


def test_different_sizes_and_dropped_sources_are_reported(build_dataset):
    with pytest.raises(ValueError, match=r'KMaXPanopticCopyPaste: image 1 has shape .*same size'):
        _build(build_dataset, source_pipeline=SHIFT[:2])[0]
    never = [*SHIFT, {'type': 'KMaXFilterLabels', 'min_pixels': 10**6}]
    with pytest.raises(ValueError, match=r'source_pipeline dropped image \d of .*panoptic\.json'):
        _build(build_dataset, source_pipeline=never)[0]
    with pytest.raises(ValueError, match="draw_from must be 'labels' or 'segments', not 'all'"):
        KMaXPanopticCopyPaste([], draw_from='all')


def test_pastes_onto_real_images(coco_sample, build_dataset):
    pipeline = [
        *SHIFT[:2],
        {'type': 'KMaXResize', 'crop_size': (129, 129)},
        {'type': 'KMaXRandomPadCrop', 'crop_size': (129, 129)},
    ]
    paste = {'type': 'KMaXPanopticCopyPaste', 'source_pipeline': pipeline}
    dataset = build_dataset(**coco_sample(), pipeline=[*pipeline, paste])
    for index in range(len(dataset)):
        random.seed(index)
        np.random.seed(index)
        sample = dataset[index]
        labels = sample['gt_segment_labels']
        stuff = labels[labels >= 80]
        assert len(set(stuff.tolist())) == len(stuff)
        assert sample['gt_seg_map'].max() <= len(labels)

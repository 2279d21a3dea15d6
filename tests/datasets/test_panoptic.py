"""Records, classes and filters of the panoptic data sets."""

import numpy as np
import pytest
from panopticapi.utils import rgb2id
from PIL import Image


def test_classes_come_from_the_json_things_first(build_dataset):
    metainfo = build_dataset().metainfo
    assert metainfo['classes'] == ('cat', 'dog', 'grass', 'sky')
    assert metainfo['thing_classes'] == ('cat', 'dog')
    assert metainfo['stuff_classes'] == ('grass', 'sky')
    assert metainfo['palette'][0] == (255, 0, 0)
    assert metainfo['palette'] == build_dataset().metainfo['palette']
    assert len(set(metainfo['palette'])) == 4


def test_given_classes_are_matched_by_name(build_dataset):
    dataset = build_dataset(
        metainfo={
            'classes': ('dog', 'cat', 'bird', 'sky', 'grass'),
            'thing_classes': ('dog', 'cat', 'bird'),
        }
    )
    assert dataset.metainfo['stuff_classes'] == ('sky', 'grass')
    assert dataset.get_data_info(0)['segment_labels'] == [1, 0, 4]


def test_record_keeps_the_order_and_merges_stuff_and_drops_crowd(build_dataset):
    record = build_dataset().get_data_info(0)
    assert record['segment_ids'] == [70000, 300, 5, 6, 7]
    assert record['segment_rows'] == [1, 2, 3, 3, 0]
    assert record['segment_labels'] == [0, 1, 2]


def test_sample_holds_ids_labels_and_semantic_map(build_dataset, panoptic_ids):
    sample = build_dataset()[0]['data_samples']
    rows = {70000: 1, 300: 2, 5: 3, 6: 3, 7: 0, 0: 0}
    labels = {70000: 0, 300: 1, 5: 2, 6: 2, 7: 255, 0: 255}
    np.testing.assert_array_equal(
        sample.gt_panoptic_seg.ids[0], np.vectorize(rows.get)(panoptic_ids)
    )
    np.testing.assert_array_equal(
        sample.gt_sem_seg.sem_seg[0], np.vectorize(labels.get)(panoptic_ids)
    )
    assert sample.gt_segments.labels.tolist() == [0, 1, 2]
    assert sample.img_id == 1 and sample.ori_shape == (24, 40)


def test_image_without_segments_is_kept_unless_filtered(build_dataset):
    dataset = build_dataset()
    assert len(dataset) == 2
    assert dataset[1]['data_samples'].gt_segments.labels.shape == (0,)
    assert len(build_dataset(filter_cfg={'filter_empty_gt': True})) == 1
    assert len(build_dataset(filter_cfg={'filter_empty_gt': True}, test_mode=True)) == 2
    with pytest.raises(ValueError, match=r'no image of .*panoptic\.json is left'):
        build_dataset(filter_cfg={'min_size': 25})


def test_indices_choose_images(build_dataset):
    assert len(build_dataset(indices=1)) == 1
    assert build_dataset(indices=[1])[0]['data_samples'].img_id == 2
    assert build_dataset().get_cat_ids(0) == [0, 1, 2]


def test_images_without_annotations_load_for_testing_only(build_dataset, edit_json):
    edit_json(lambda content: content.pop('annotations'))
    sample = build_dataset(test_mode=True)[0]['data_samples']
    assert 'gt_panoptic_seg' not in sample
    with pytest.raises(ValueError, match=r"lacks the fields \['annotations'\]"):
        build_dataset()


def test_coco_classes_and_real_images(coco_sample, build_dataset):
    pipeline = [{'type': 'LoadImageFromFile'}, {'type': 'LoadPanopticIds'}]
    dataset = build_dataset(**coco_sample(), pipeline=pipeline)
    assert len(dataset.metainfo['thing_classes']) == 80
    assert len(dataset.metainfo['stuff_classes']) == 53
    assert len(dataset.metainfo['palette']) == 133
    for sample in dataset:
        ids = rgb2id(np.array(Image.open(sample['seg_map_path']).convert('RGB')))
        for segment, row in zip(sample['segment_ids'], sample['segment_rows'], strict=True):
            assert (sample['gt_seg_map'][ids == segment] == row).all()
        assert (sample['gt_seg_map'][ids == 0] == 0).all()

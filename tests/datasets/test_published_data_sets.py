"""Cityscapes and ADE20K as the public conversion scripts lay them out."""

import json

import cv2
import numpy as np
import pytest
import torch
from imports import ROOT
from mmdet.datasets.ade20k import ADE_PALETTE
from mmdet.registry import DATASETS, METRICS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.datasets import CityscapesDataset

from projects.kmax.converters.class_order import class_ids
from projects.kmax.dataset_preparation import ade20k
from projects.kmax.datasets import KMaXADE20KPanopticDataset, KMaXCityscapesPanopticDataset
from projects.kmax.panoptic_format import write_panoptic_png

CONFIGS = ROOT / 'configs' / 'kmax' / '_base_' / 'datasets'
# What cityscapesScripts 2.3.0 writes for one image: sky, road, a group of cars, a car, a person.
IMAGE = 'frankfurt_000000_000294'
SEGMENTS = {7: 7, 23: 23, 26: 26, 24000: 24, 26001: 26}
CROWD = 26
TRAIN_IDS = {7: 0, 23: 10, 24: 11, 26: 13}


def write_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((8, 20, 3), np.uint8))


@pytest.fixture
def city_ids():
    """Five segments in columns; the last pixel of each row is void."""
    ids = np.repeat(np.array([*SEGMENTS]), 4)[None].repeat(8, axis=0)
    ids[:, -1] = 0
    return ids


def write_cityscapes(root, ids, use_train_id=False, file_name=f'{IMAGE}_gtFine_leftImg8bit.png'):
    write_image(root / f'leftImg8bit/val/frankfurt/{IMAGE}_leftImg8bit.png')
    png = f'{IMAGE}_gtFine_panoptic.png'
    write_panoptic_png(root / 'gtFine/cityscapes_panoptic_val' / png, ids)
    classes = CityscapesDataset.METAINFO['classes']
    names = {7: classes[0], 23: classes[10], 24: classes[11], 26: classes[13]}
    number = (lambda i: TRAIN_IDS[i]) if use_train_id else (lambda i: i)
    segments = [
        dict(id=i, category_id=number(c), iscrowd=int(i == CROWD), area=int((ids == i).sum()))
        for i, c in SEGMENTS.items()
    ]
    # All 19 are in the file.
    categories = [
        *(dict(id=number(i), isthing=int(i >= 24), name=name) for i, name in names.items()),
        *(
            dict(id=100 + i, isthing=int(i >= 11), name=name)
            for i, name in enumerate(classes)
            if name not in names.values()
        ),
    ]
    content = dict(
        images=[dict(id=IMAGE, file_name=file_name, height=8, width=20)],
        annotations=[dict(image_id=IMAGE, file_name=png, segments_info=segments)],
        categories=categories,
    )
    (root / 'gtFine/cityscapes_panoptic_val.json').write_text(json.dumps(content))


def build(name, root, **kwargs):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    init_default_scope('mmdet')
    settings = {**config.val_dataloader.dataset, 'data_root': str(root), 'test_mode': False}
    steps = ('LoadImageFromFile', 'LoadPanopticIds', 'PackKMaXInputs')
    settings['pipeline'] = [dict(type=step) for step in steps]
    evaluator = {
        key: value.replace(config.data_root, f'{root}/') if isinstance(value, str) else value
        for key, value in config.val_evaluator.items()
    }
    return DATASETS.build(settings | kwargs), METRICS.build(evaluator)


def quality(dataset, metric, img_id, pred):
    """Return the figures of one predicted map."""
    metric.dataset_meta = dataset.metainfo
    pred = dict(sem_seg=torch.from_numpy(pred)[None])
    metric.process({}, [dict(img_id=img_id, img_path='', pred_panoptic_seg=pred)])
    return metric.evaluate(1)


@pytest.mark.parametrize('use_train_id', [False, True])
@pytest.mark.parametrize(
    'file_name', [f'{IMAGE}_gtFine_leftImg8bit.png', f'frankfurt/{IMAGE}_leftImg8bit.png']
)
def test_cityscapes_is_read_as_written(tmp_path, city_ids, use_train_id, file_name):
    write_cityscapes(tmp_path, city_ids, use_train_id, file_name)
    sample = build('cityscapes_panoptic', tmp_path)[0][0]['data_samples']
    assert sample.img_id == IMAGE
    assert sample.gt_segments.labels.tolist() == [8, 18, 0, 2]  # road, sky, person, car
    rows = {0: 0, 7: 1, 23: 2, CROWD: 0, 24000: 3, 26001: 4}
    np.testing.assert_array_equal(
        sample.gt_panoptic_seg.ids[0], np.vectorize(rows.get)(city_ids).astype(np.int16)
    )


def test_perfect_prediction_of_cityscapes_has_pq_100(tmp_path, city_ids):
    write_cityscapes(tmp_path, city_ids)
    labels = {0: 19, 7: 8, 23: 18, CROWD: 2, 24000: 1000, 26001: 2 + 2000}
    pred = np.vectorize(labels.get)(city_ids)
    result = quality(*build('cityscapes_panoptic', tmp_path), IMAGE, pred)
    assert [result[f'coco_panoptic/PQ{kind}'] for kind in ('', '_th', '_st')] == [100] * 3


def test_missing_image_of_cityscapes_is_named(tmp_path, city_ids):
    write_cityscapes(tmp_path, city_ids)
    path = tmp_path / f'leftImg8bit/val/frankfurt/{IMAGE}_leftImg8bit.png'
    path.unlink()
    with pytest.raises(FileNotFoundError, match=str(path)):
        build('cityscapes_panoptic', tmp_path)[0][0]


def test_classes_of_cityscapes_are_those_of_converted_checkpoints():
    ids = class_ids(8, 11)
    order = [*ids.things, *ids.stuff]
    theirs, ours = CityscapesDataset.METAINFO, KMaXCityscapesPanopticDataset.METAINFO
    assert list(ours['classes']) == [theirs['classes'][i] for i in order]
    assert list(map(list, ours['palette'])) == [list(theirs['palette'][i]) for i in order]
    assert ours['thing_classes'] == ours['classes'][:8]
    assert ours['stuff_classes'] == ours['classes'][8:]


def test_colours_of_ade20k_belong_to_its_classes():
    ids = class_ids(100, 50)
    meta = KMaXADE20KPanopticDataset.METAINFO
    assert meta['palette'] == [ADE_PALETTE[i - 1] for i in (*ids.things, *ids.stuff)]
    assert meta['classes'] == (*meta['thing_classes'], *meta['stuff_classes'])
    colour = dict(zip(meta['classes'], meta['palette'], strict=True))
    assert colour['wall'] == (120, 120, 120) and colour['flag'] == (92, 0, 255)


def test_ade20k_is_read_as_written(tmp_path):
    name = 'ADE_val_00000001'
    write_image(tmp_path / f'images/validation/{name}.jpg')
    ids = np.array([5, 900, 0]).repeat([8, 8, 4])[None].repeat(8, axis=0)
    write_panoptic_png(tmp_path / f'ade20k_panoptic_val/{name}.png', ids)
    meta = KMaXADE20KPanopticDataset.METAINFO
    # Mask2Former's script keeps the order of the 150 classes and a space in one name.
    names = sorted(name + ' ' * (name == 'window') for name in meta['classes'])
    number = {name.strip(): i for i, name in enumerate(names)}
    segments = [
        {'id': 5, 'category_id': number['window'], 'area': 64, 'iscrowd': 0},
        {'id': 900, 'category_id': number['wall'], 'area': 64, 'iscrowd': 0},
    ]
    content = {
        'images': [{'id': name, 'file_name': f'{name}.jpg', 'height': 8, 'width': 20}],
        'annotations': [{'image_id': name, 'file_name': f'{name}.png', 'segments_info': segments}],
        'categories': [
            {'id': i, 'name': name, 'isthing': int(name.strip() in meta['thing_classes'])}
            for i, name in enumerate(names)
        ],
    }
    (tmp_path / 'ade20k_panoptic_val.json').write_text(json.dumps(content))
    dataset, metric = build('ade20k_panoptic', tmp_path)
    sample = dataset[0]['data_samples']
    assert sample.gt_segments.labels.tolist() == [1, 100]
    pred = np.vectorize({5: 1 + 1000, 900: 100, 0: 150}.get)(ids)
    assert quality(dataset, metric, name, pred)['coco_panoptic/PQ'] == 100


def test_labelled_and_unlabeled_coco_are_read_together(tmp_path):
    config = Config.fromfile(
        CONFIGS.parents[1] / 'kmax_convnext-l_8xb8-150k_coco-unlabeled-panoptic.py'
    )
    init_default_scope('mmdet')
    settings = config.train_dataloader.dataset
    for part, count in zip(settings.datasets, (2, 3), strict=True):
        part.data_root = str(tmp_path)
        path = tmp_path / part.ann_file
        path.parent.mkdir(exist_ok=True)
        content = dict(
            images=[dict(id=i, file_name=f'{i}.jpg', height=8, width=20) for i in range(count)],
            annotations=[
                dict(image_id=i, file_name=f'{i}.png', segments_info=[]) for i in range(count)
            ],
            categories=[],
        )
        path.write_text(json.dumps(content))
    dataset = DATASETS.build(settings)
    assert len(dataset) == 5
    assert len(dataset.metainfo['thing_classes']) == 80
    assert 'unlabeled2017' in dataset.get_data_info(4)['img_path']
    assert 'train2017' in dataset.get_data_info(1)['seg_map_path']


def test_ids_of_categories(coco_sample):
    """Predictions are written with those of the data sets' own JSON."""
    metainfo = KMaXADE20KPanopticDataset.METAINFO
    expected = {category['name']: category['id'] for category in ade20k.categories()}
    assert dict(zip(metainfo['classes'], metainfo['category_ids'], strict=True)) == expected
    metainfo = KMaXCityscapesPanopticDataset.METAINFO
    ids = {label.name: label.id for label in cityscapes_labels()}
    expected = tuple(ids[name] for name in metainfo['classes'])
    assert metainfo['category_ids'] == expected
    own = DATASETS.get('KMaXCocoPanopticDataset').METAINFO['category_ids']
    assert DATASETS.build(coco_sample()).metainfo['category_ids'] == own


def cityscapes_labels():
    pytest.importorskip('cityscapesscripts')
    from cityscapesscripts.helpers.labels import labels

    return labels

"""mIoU, of files and from panoptic annotations, against mmsegmentation's results."""

import json
import os

import numpy as np
import pytest
import torch
from panoptic_files import write_truth
from PIL import Image

from projects.kmax.evaluation import mean_iou
from projects.kmax.void import IGNORED_LABEL


def test_equals_mmseg(oracle):
    folder = oracle('semantic/camvid20')
    expected = json.loads((folder / 'expected.json').read_text())
    result = mean_iou(folder / 'gt', folder / 'pred', expected['num_classes'], 255)
    for name, value in result.items():
        assert value == pytest.approx(expected[name], rel=0, abs=1e-12)


@pytest.fixture
def folders(tmp_path):
    labels = np.array([[0, 0, 1, 1], [0, 0, 255, 255]], np.uint8)
    for side in ('gt', 'pred'):
        (tmp_path / side).mkdir()
        Image.fromarray(labels).save(tmp_path / side / 'a.png')
    return tmp_path / 'gt', tmp_path / 'pred'


def test_absent_class_does_not_count(folders):
    result = mean_iou(*folders, num_classes=3, ignore_index=255)
    assert result['mIoU'] == result['aAcc'] == 1 and np.isnan(result['IoU'][2])


def test_bad_files(folders):
    gt, pred = folders
    with pytest.raises(FileNotFoundError, match='holds no PNG'):
        mean_iou(gt / 'nowhere', pred, 2)
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(pred / 'a.png')
    with pytest.raises(ValueError, match=r'pred/a.png has size \(3, 3\), but .*has \(2, 4\)'):
        mean_iou(*folders, 2)
    Image.fromarray(np.zeros((2, 4, 3), np.uint8)).save(pred / 'a.png')
    with pytest.raises(ValueError, match='pred/a.png must have one channel'):
        mean_iou(*folders, 2)
    (pred / 'a.png').write_bytes((gt / 'a.png').read_bytes()[:40])
    with pytest.raises(ValueError, match='pred/a.png cannot be read'):
        mean_iou(*folders, 2)
    (pred / 'a.png').unlink()
    with pytest.raises(FileNotFoundError, match='pred/a.png does not exist'):
        mean_iou(*folders, 2)


@pytest.mark.parametrize('side', ['gt', 'pred'])
def test_labels_beyond_the_classes(side, folders):
    gt, pred = folders
    path = gt.parent / side / 'a.png'
    Image.fromarray(np.array([[1, 1, 2, 2], [1, 1, 255, 255]], np.uint8)).save(path)
    message = f'label map {path} holds the label 2, but num_classes=2: labels count from 0'
    with pytest.raises(ValueError, match=message):
        mean_iou(gt, pred, 2)
    assert mean_iou(gt, pred, 3)['mIoU'] < 1
    with pytest.raises(ValueError, match='num_classes=0 must be at least 1'):
        mean_iou(gt, pred, 0)


def test_maps_that_hold_no_labels(folders):
    gt, pred = folders
    Image.fromarray(np.zeros((2, 4), bool)).save(pred / 'a.png')
    with pytest.raises(ValueError, match='pred/a.png must hold whole numbers, but holds bool'):
        mean_iou(gt, pred, 2)
    (pred / 'a.png').unlink()
    os.mkfifo(pred / 'a.png')
    with pytest.raises(ValueError, match='pred/a.png cannot be read: .* is a named pipe'):
        mean_iou(gt, pred, 2)


KIND = 'KMaXSemanticMetric'


def write(folder, label_maps, classes, crowd=()):
    """Write label maps as panoptic annotations, a segment per class."""
    annotations, maps = [], []
    for number, (name, labels) in enumerate(label_maps.items()):
        ids = np.where(labels == IGNORED_LABEL, 0, labels.astype(np.int64) + 1)
        maps.append(ids)
        values, areas = (x.tolist() for x in np.unique(ids[ids > 0], return_counts=True))
        segments = [
            dict(id=value, category_id=value, area=area, iscrowd=value in crowd)
            for value, area in zip(values, areas, strict=True)
        ]
        annotations.append(dict(image_id=number, file_name=name, segments_info=segments))
    categories = [dict(id=i, name=name, isthing=0) for i, name in enumerate(classes, 1)]
    return write_truth(folder, categories, annotations, maps)


def sample(number, labels):
    return dict(img_id=number, pred_sem_seg=dict(sem_seg=torch.from_numpy(labels)[None]))


def test_metric_equals_mmseg(oracle, evaluate, tmp_path):
    folder = oracle('semantic/camvid20')
    expected = json.loads((folder / 'expected.json').read_text())
    classes = [f'class{label}' for label in range(expected['num_classes'])]
    names = sorted(path.name for path in (folder / 'gt').iterdir())
    gt = {name: np.array(Image.open(folder / 'gt' / name)) for name in names}
    samples = [
        sample(number, np.array(Image.open(folder / 'pred' / name)))
        for number, name in enumerate(names)
    ]
    made = evaluate(KIND, classes, samples, classwise=True, **write(tmp_path, gt, classes))
    for name in ('mIoU', 'mAcc', 'aAcc'):
        assert made[f'semantic/{name}'] == pytest.approx(100 * expected[name], rel=0, abs=1e-10)


def test_crowd_is_ignored(evaluate, tmp_path):
    labels = np.array([[0, 0, 1, 1]], np.uint8)
    truth = write(tmp_path, {'a.png': labels}, 'ab', crowd=[2])
    made = evaluate(KIND, 'ab', [sample(0, np.zeros((1, 4), np.int64))], **truth)
    assert made['semantic/mIoU'] == made['semantic/aAcc'] == 100


def test_no_semantic_predictions(evaluate, tmp_path):
    truth = write(tmp_path, {'a.png': np.zeros((2, 2), np.uint8)}, 'ab')
    with pytest.raises(ValueError, match=r'KMaXSemanticMetric needs .*test_cfg.semantic_on=True'):
        evaluate(KIND, 'ab', [dict(img_id=0)], **truth)

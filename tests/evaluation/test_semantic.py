"""mIoU against mmsegmentation's results."""

import json

import numpy as np
import pytest
from PIL import Image

from projects.kmax.evaluation import mean_iou


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

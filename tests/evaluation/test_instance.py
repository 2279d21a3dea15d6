"""Mask AP against pycocotools' results."""

import json
import math

import pytest

from projects.kmax.evaluation import mask_ap


@pytest.mark.usefixtures('evaluated_by')
@pytest.mark.parametrize('name', ['synth60', 'coco4'])
def test_equals_pycocotools(oracle, name):
    folder = oracle(f'instance/{name}')
    expected = json.loads((folder / 'expected.json').read_text())
    result = mask_ap(folder / 'gt_instances.json', folder / 'pred_instances.json')
    per_class = result.pop('per_class')
    assert result == pytest.approx(expected['segm'], rel=0, abs=1e-9)
    assert len(per_class) == len(expected['segm_per_class_AP'])
    for category, value in expected['segm_per_class_AP'].items():
        value = math.nan if value is None else value
        assert per_class[int(category)] == pytest.approx(value, rel=0, abs=1e-9, nan_ok=True)


@pytest.fixture
def files(tmp_path):
    square = dict(size=[9, 9], counts='08100000000000009')
    annotation = dict(id=1, image_id=1, category_id=3, segmentation=square, area=64, iscrowd=0)
    gt = dict(
        images=[dict(id=1, height=9, width=9)],
        categories=[dict(id=3, name='cat')],
        annotations=[annotation | dict(bbox=[0, 0, 8, 8])],
    )
    prediction = dict(image_id=1, category_id=3, segmentation=square, score=0.5)
    (tmp_path / 'gt.json').write_text(json.dumps(gt))
    (tmp_path / 'pred.json').write_text(json.dumps([prediction]))
    return tmp_path / 'gt.json', tmp_path / 'pred.json'


@pytest.mark.usefixtures('evaluated_by')
def test_no_predictions(files):
    assert mask_ap(*files)['AP'] == pytest.approx(1)
    files[1].write_text('[]')
    assert mask_ap(*files)['AP'] == 0


def test_bad_files(files):
    gt, pred = files
    (prediction,) = json.loads(pred.read_text())
    pred.write_text(json.dumps([prediction | dict(category_id=5)]))
    with pytest.raises(ValueError, match=r'pred.json has predictions of category \[5\]'):
        mask_ap(*files)
    pred.write_text(json.dumps([prediction | dict(image_id=2)]))
    with pytest.raises(ValueError, match=r'pred.json has predictions of image \[2\]'):
        mask_ap(*files)
    pred.write_text('[')
    with pytest.raises(ValueError, match='pred.json is not valid JSON'):
        mask_ap(*files)
    gt.unlink()
    with pytest.raises(FileNotFoundError, match='gt.json does not exist'):
        mask_ap(*files)

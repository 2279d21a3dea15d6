"""Mask AP, of files and from panoptic annotations, against pycocotools' results."""

import json
import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from panoptic_files import edit, pycocotools, things_first, truth_in
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from projects.kmax.evaluation import mask_ap


@pytest.mark.parametrize('remove', [lambda a: a.pop('area'), lambda a: a.update(area=None)])
def test_absent_areas_are_those_of_the_masks(recordings, tmp_path, remove):
    folder = recordings('instance/coco4')
    content = json.loads((folder / 'gt_instances.json').read_text())
    for change in (lambda a, area: a.update(area=area), lambda a, _: remove(a)):
        changed = [dict(annotation) for annotation in content['annotations']]
        truth = COCO(str(folder / 'gt_instances.json'))
        for annotation in changed:
            change(annotation, int(coco_mask.area(truth.annToRLE(annotation))))
        path = tmp_path / f'{len(list(tmp_path.iterdir()))}.json'
        path.write_text(json.dumps(content | dict(annotations=changed)))
    given, absent = (
        mask_ap(path, folder / 'pred_instances.json') for path in sorted(tmp_path.iterdir())
    )
    for figures in (given, absent):
        figures.pop('per_class')
    assert given['APm'] > 0 and absent == given


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


RUNS = dict(size=[9, 9], counts='08100000000000009')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(score=math.nan), 'number 0 in .*pred.json has "score": NaN, which must be a finite'),
        (dict(score='0.5'), 'has "score": "0.5", which must be a finite number'),
        (dict(score=None), 'has "score": null'),
        (
            dict(segmentation=[[0, 0, 1, 1, 2, 2]]),
            'which must be an object with "size" and',
        ),
        (
            dict(segmentation=RUNS | dict(size=[9, 8])),
            r'has the size \[9, 8\], but its image \[9, 9\]',
        ),
        (dict(segmentation=RUNS | dict(size=9)), 'has "size": 9, which must be height and width'),
        (dict(segmentation=RUNS | dict(counts='0810')), '"counts" that are not of 9 x 9 pixels'),
        (dict(segmentation=RUNS | dict(counts='08100000000000009' * 9)), '"counts" that are not'),
        (dict(segmentation=RUNS | dict(counts='oooooooooooooooo0')), '"counts" that are not of'),
        (dict(segmentation=RUNS | dict(counts='0810\x00')), '"counts" that are not of 9 x 9'),
        (dict(segmentation=RUNS | dict(counts='')), '"counts" that are not of 9 x 9 pixels'),
        (dict(segmentation=RUNS | dict(counts=[0, 81])), 'which must be an object .* as text'),
    ],
    ids=str,
)
def test_impossible_predictions(change, message, files):
    (prediction,) = json.loads(files[1].read_text())
    files[1].write_text(json.dumps([prediction | change]))
    with pytest.raises(ValueError, match=message):
        mask_ap(*files)


@pytest.mark.parametrize('counts', [[82, -1], [0, 10**18], [80]])
def test_lists_of_runs_are_counted_too(counts, files):
    segmentation = dict(size=[9, 9], counts=[0, 81])
    edit(files[0], lambda c: c['annotations'][0].update(segmentation=segmentation))
    assert mask_ap(*files)['AP50'] == pytest.approx(1)
    edit(files[0], lambda c: c['annotations'][0]['segmentation'].update(counts=counts))
    with pytest.raises(ValueError, match='gt.json has "counts" that are not of 9 x 9 pixels'):
        mask_ap(*files)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda c: c['annotations'][0].update(area=math.nan),
            '"area": NaN, which must be a number',
        ),
        (
            lambda c: c['annotations'][0].update(area=-4),
            '"area": -4, which must be a number from 0',
        ),
        (lambda c: c['annotations'][0].update(iscrowd=7), '"iscrowd": 7, which must be 0 or 1'),
        (
            lambda c: c['annotations'][0].pop('iscrowd'),
            r"in .*gt.json lacks the fields \['iscrowd'\]",
        ),
        (
            lambda c: c['annotations'].append(c['annotations'][0]),
            'several annotations with the id 1',
        ),
        (lambda c: c['images'].append(c['images'][0]), 'several images with the id 1'),
        (lambda c: c['categories'].append(c['categories'][0]), 'several categories with the id 3'),
        (lambda c: c.pop('images'), 'must hold an object with the lists'),
        (lambda c: c['images'][0].update(height=8), r'size \[9, 9\], but its image \[8, 9\]'),
    ],
)
def test_impossible_annotations(change, message, files):
    edit(files[0], change)
    with pytest.raises(ValueError, match=message):
        mask_ap(*files)


def test_scores_that_are_not_finite(recordings, evaluate):
    truth, classes, samples = load(recordings, 'coco4')
    instances = dict(samples[0]['pred_instances'])
    instances['scores'] = instances['scores'] * math.nan
    message = rf'KMaXInstanceMetric: a score of image {samples[0]["img_id"]} is not finite'
    with pytest.raises(ValueError, match=message):
        evaluate(KIND, classes, [samples[0] | dict(pred_instances=instances)], **truth)


KIND = 'KMaXInstanceMetric'
SUFFIXES = dict(AP='', AP50='_50', AP75='_75', APs='_s', APm='_m', APl='_l')
NAMES = {key: f'coco/segm_mAP{suffix}' for key, suffix in SUFFIXES.items()}


def load(recordings, name):
    """Return arguments of the metric, class names and recorded data samples."""
    panoptic, instances = recordings(f'pq/{name}'), recordings(f'instance/{name}')
    content = json.loads((panoptic / 'gt.json').read_text())
    classes, labels = things_first(content['categories'])
    predicted = defaultdict(list)
    for entry in json.loads((instances / 'pred_instances.json').read_text()):
        predicted[entry['image_id']].append(entry)
    samples = []
    for image in content['images']:
        entries = predicted[image['id']]
        masks = np.zeros((len(entries), image['height'], image['width']), bool)
        for mask, entry in zip(masks, entries, strict=True):
            mask[:] = coco_mask.decode(entry['segmentation'])
        made = dict(
            labels=torch.tensor([labels[entry['category_id']] for entry in entries]),
            scores=torch.tensor([entry['score'] for entry in entries], dtype=torch.float64),
            masks=torch.from_numpy(masks),
        )
        samples.append(dict(img_id=image['id'], pred_instances=made))
    return truth_in(panoptic), classes, samples


def pycocotools_without_boxes(folder):
    """Evaluate the recorded predictions; where they had boxes, those would tell their sizes."""
    truth = COCO(str(folder / 'gt_instances.json'))
    predicted = json.loads((folder / 'pred_instances.json').read_text())
    for entry in predicted:
        del entry['bbox']
    stats = pycocotools(truth, truth.loadRes(predicted))
    return dict(zip(SUFFIXES, stats, strict=False))


@pytest.mark.parametrize('name', ['coco4', pytest.param('synth60', marks=pytest.mark.slow)])
def test_metric_equals_pycocotools(oracle, evaluate, name):
    truth, classes, samples = load(oracle, name)
    made = evaluate(KIND, classes, samples, classwise=True, **truth)
    folder = oracle(f'instance/{name}')
    expected = json.loads((folder / 'expected.json').read_text())['segm']
    for key in ('AP', 'AP50', 'AP75'):
        assert made[NAMES[key]] == pytest.approx(expected[key], rel=0, abs=1e-9)
    for key, value in pycocotools_without_boxes(folder).items():
        assert made[NAMES[key]] == pytest.approx(value, rel=0, abs=1e-9)


def test_export_evaluates_to_the_same(oracle, evaluate, tmp_path):
    truth, classes, samples = load(oracle, 'coco4')
    options = dict(ann_file=truth['ann_file'], format_only=True, outfile_prefix=str(tmp_path / 'r'))
    assert evaluate(KIND, classes, samples, **options) == {}
    folder = oracle('instance/coco4')
    made = mask_ap(folder / 'gt_instances.json', tmp_path / 'r.segm.json')
    expected = json.loads((folder / 'expected.json').read_text())['segm']
    assert made['AP'] == pytest.approx(expected['AP'], rel=0, abs=1e-9)
    assert [path.name for path in tmp_path.iterdir()] == ['r.segm.json']


def test_bad_predictions(recordings, evaluate):
    truth, classes, samples = load(recordings, 'coco4')
    with pytest.raises(ValueError, match=r'KMaXInstanceMetric needs .*test_cfg.instance_on=True'):
        evaluate(KIND, classes, [dict(img_id=samples[0]['img_id'])], **truth)
    wrong = samples[0]['pred_instances'] | dict(masks=torch.zeros(0, 3, 4, dtype=torch.bool))
    wrong |= dict(labels=torch.zeros(0), scores=torch.zeros(0))
    with pytest.raises(ValueError, match=r'prediction has size \(3, 4\), but annotation .*png has'):
        evaluate(KIND, classes, [samples[0] | dict(pred_instances=wrong)], **truth)


def test_bad_arguments(recordings, evaluate):
    truth, classes, _ = load(recordings, 'coco4')
    with pytest.raises(ValueError, match='format_only=True needs outfile_prefix'):
        evaluate(KIND, classes, [], format_only=True, **truth)
    with pytest.raises(FileNotFoundError, match='seg_prefix of KMaXInstanceMetric: absent is not'):
        evaluate(KIND, classes, [], **truth | dict(seg_prefix='absent'))

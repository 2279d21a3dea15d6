"""Cityscapes' own evaluation on a city of three images, its files made by its own tools."""

import copy
import json
import sys

import cv2
import numpy as np
import pytest
import torch

from projects.kmax import evaluation
from projects.kmax.evaluation import cityscapes_scripts

ROAD, BUILDING, CAR_GROUP, RIDER = 7, 11, 26, 25
STEMS = [f'aachen_00000{number}_000019' for number in range(3)]


def scene(shift):
    """Return instance ids of a street, and what a model might see of it."""
    ids = np.full((64, 128), ROAD, np.uint16)
    ids[:20] = BUILDING
    ids[30:50, 10 + shift : 40 + shift] = 26000
    ids[30:50, 60:70] = CAR_GROUP
    ids[25:60, 80:100] = 24000
    ids[60:] = 3
    seen = ids.copy()
    seen[25:60, 80 + 2 * shift : 84 + 2 * shift] = ROAD
    seen[30:50, 35:45] = 26000
    seen[0:15, 0:20] = 24001
    seen[60:] = ROAD
    return ids, seen


@pytest.fixture
def city(tmp_path, things_first):
    """Return folder, class names and data samples."""
    pytest.importorskip('cityscapesscripts', reason='the extra "cityscapes" is not installed')
    (tmp_path / 'gtFine' / 'val' / 'aachen').mkdir(parents=True)
    scenes = [scene(2 * number) for number in range(3)]
    for stem, (ids, _) in zip(STEMS, scenes, strict=True):
        path = tmp_path / 'gtFine' / 'val' / 'aachen' / f'{stem}_gtFine_instanceIds.png'
        cv2.imwrite(str(path), ids)
    convert = cityscapes_scripts.load('preparation.createPanopticImgs', 'test').convert2panoptic
    convert(str(tmp_path / 'gtFine'), str(tmp_path), setNames=['val'])
    content = json.loads((tmp_path / 'cityscapes_panoptic_val.json').read_text())
    classes, labels = things_first(content['categories'])
    samples = [sample(stem, seen, labels) for stem, (_, seen) in zip(STEMS, scenes, strict=True)]
    return tmp_path, classes, samples


def sample(stem, seen, labels):
    """Return a data sample with panoptic and instance predictions."""
    panoptic = np.full(seen.shape, len(labels))
    instances = dict(labels=[], scores=[], masks=[])
    for value in np.unique(seen).tolist():
        category, number = (value // 1000, value % 1000 + 1) if value >= 1000 else (value, 0)
        if category not in labels:
            continue
        panoptic[seen == value] = labels[category] + 1000 * number
        if number:
            instances['labels'].append(labels[category])
            instances['scores'].append(0.9 / number)
            instances['masks'].append(seen == value)
    instances['masks'] = np.array(instances['masks'])
    return dict(
        img_id=stem,
        img_path=f'leftImg8bit/val/aachen/{stem}_leftImg8bit.png',
        pred_panoptic_seg=dict(sem_seg=torch.from_numpy(panoptic)[None]),
        pred_instances={name: torch.as_tensor(value) for name, value in instances.items()},
        pred_sem_seg=dict(sem_seg=torch.from_numpy(panoptic % 1000)[None]),
    )


def truth(folder):
    name = str(folder / 'cityscapes_panoptic_val')
    return dict(ann_file=f'{name}.json', seg_prefix=name)


def test_pq_equals_ours(city, evaluate):
    folder, *data = city
    options = dict(classwise=True, outfile_prefix=str(folder / 'r'), **truth(folder))
    official = evaluate('KMaXCityscapesPanopticMetric', *data, **options)
    ours = evaluate('KMaXPanopticMetric', *data, **truth(folder))
    assert 0 < ours['coco_panoptic/PQ'] < 100
    for name, value in ours.items():
        key = name.replace('coco', 'cityscapes')
        assert official[key] == pytest.approx(value, rel=0, abs=1e-10)


def test_ap_equals_the_script_on_the_submission(city, evaluate, monkeypatch):
    folder, *data = city
    options = dict(classwise=True, gt_folder=str(folder / 'gtFine' / 'val'))
    made = evaluate('KMaXCityscapesInstanceMetric', *data, **options)
    options = dict(format_only=True, outfile_prefix=str(folder / 'r'))
    assert evaluate('KMaXCityscapesInstanceMetric', *data, **options) == {}
    scripts = cityscapes_scripts.load('evaluation.evalInstanceLevelSemanticLabeling', 'test')
    args = copy.copy(scripts.args)
    args.predictionPath = str(folder / 'r.instances')
    args.gtInstancesFile = str(folder / 'gtInstances.json')
    args.quiet, args.JSONOutput = True, False
    # Its dump of the matches fails on the integers of today's numpy.
    monkeypatch.setattr(scripts, 'writeDict2JSON', lambda *_: None)
    annotated = sorted(map(str, (folder / 'gtFine').rglob('*_instanceIds.png')))
    predicted = [scripts.getPrediction(path, args) for path in annotated]
    expected = scripts.evaluateImgLists(predicted, annotated, args)['averages']
    assert 0 < expected['allAp'] < 1
    assert made == {
        'cityscapes/mAP': pytest.approx(expected['allAp'], rel=0, abs=1e-12),
        'cityscapes/AP@50': pytest.approx(expected['allAp50%'], rel=0, abs=1e-12),
    }


def all_figures(evaluate, city, samples, prefix):
    """Return the figures of all metrics, predictions written by those that can."""
    folder, classes, _ = city
    gt_folder = str(folder / 'gtFine' / 'val')
    names = ('official', 'ours')
    official, ours = (dict(outfile_prefix=str(folder / f'{prefix}_{name}')) for name in names)
    figures = {}
    for kind, options in dict(
        KMaXPanopticMetric=truth(folder) | ours,
        KMaXPipelinePanopticMetric=truth(folder),
        KMaXInstanceMetric=truth(folder) | ours,
        KMaXSemanticMetric=truth(folder),
        KMaXCityscapesPanopticMetric=truth(folder) | official,
        KMaXCityscapesInstanceMetric=dict(gt_folder=gt_folder) | official,
    ).items():
        figures |= evaluate(kind, classes, samples, **options)
    return figures


def written(folder, prefix):
    """Return the contents of the files that metrics wrote."""
    files = [path for path in sorted(folder.rglob('*')) if path.is_file()]
    own = {str(path.relative_to(folder)): path for path in files}
    return {
        name.removeprefix(prefix): path.read_bytes()
        for name, path in own.items()
        if name.startswith(prefix)
    }


@pytest.mark.parametrize('shares', [(2, 1), (2, 2)], ids=['uneven', 'one_image_twice'])
def test_two_processes_find_the_same(city, shares, evaluate, in_a_group):
    folder, _, samples = city
    parts = samples[: shares[0]], samples[-shares[1] :]
    found = in_a_group(lambda rank: all_figures(evaluate, city, parts[rank], 'two'))
    expected = all_figures(evaluate, city, samples, 'one')
    assert len({name.partition('/')[0] for name in expected}) == 6
    assert found == [expected] * 2
    assert len(written(folder, 'one')) > 6
    assert written(folder, 'one') == written(folder, 'two')


def test_interrupted_instances_leave_no_result(city):
    folder, classes, samples = city
    options = dict(format_only=True, outfile_prefix=str(folder / 'r'))
    metric = evaluation.KMaXCityscapesInstanceMetric(**options)
    metric.dataset_meta = dict(classes=classes)
    metric.process({}, samples)
    assert not (folder / 'r.instances').exists()


def test_train_ids_are_no_submission(city, evaluate):
    folder, *data = city
    path = folder / 'cityscapes_panoptic_val.json'
    content = json.loads(path.read_text())
    content['categories'][0]['id'] = 0
    path.write_text(json.dumps(content))
    options = dict(ann_file=str(path), format_only=True, outfile_prefix=str(folder / 'r'))
    with pytest.raises(ValueError, match=r'"road", but the test server .* id 7: create .*train-id'):
        evaluate('KMaXCityscapesPanopticMetric', *data, **options)


@pytest.mark.parametrize('image', [3, 'aachen_000000_000019_leftImg8bit'])
def test_other_image_ids_are_no_submission(city, evaluate, image):
    folder, classes, samples = city
    options = dict(ann_file=truth(folder)['ann_file'], outfile_prefix=str(folder / 'r'))
    evaluate('KMaXCityscapesPanopticMetric', classes, samples, format_only=True, **options)
    submitted = json.loads((folder / 'r.panoptic.json').read_text())['annotations']
    assert [entry['image_id'] for entry in submitted] == STEMS
    samples[0]['img_id'] = image
    with pytest.raises(ValueError, match=rf'such as berlin_.*{STEMS[0]}.* has the id {image}: cre'):
        evaluate('KMaXCityscapesPanopticMetric', classes, samples, format_only=True, **options)


def test_parts_and_missing_annotations(city, evaluate):
    folder, classes, samples = city
    options = dict(outfile_prefix=str(folder / 'r'), **truth(folder))
    with pytest.raises(ValueError, match=r'2 images were not predicted, such as aachen_000001'):
        evaluate('KMaXCityscapesPanopticMetric', classes, samples[:1], **options)
    annotation = folder / 'gtFine' / 'val' / 'aachen' / f'{STEMS[1]}_gtFine_instanceIds.png'
    annotation.unlink()
    options = dict(gt_folder=str(folder / 'gtFine' / 'val'))
    with pytest.raises(FileNotFoundError, match=f'{STEMS[1]}_gtFine_instanceIds.png of image'):
        evaluate('KMaXCityscapesInstanceMetric', classes, samples, **options)


@pytest.mark.parametrize(
    ('kind', 'options'),
    [
        ('KMaXCityscapesInstanceMetric', dict(gt_folder='.')),
        ('KMaXCityscapesPanopticMetric', dict(outfile_prefix='r', format_only=True)),
    ],
)
def test_without_the_package(kind, options, monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.startswith('cityscapesscripts')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'cityscapesscripts', None)
    if 'Panoptic' in kind:
        (tmp_path / 'gt.json').write_text('{"categories": []}')
        options = options | dict(ann_file=str(tmp_path / 'gt.json'))
    with pytest.raises(ModuleNotFoundError, match='needs cityscapesScripts, .* pip install'):
        getattr(evaluation, kind)(**options)

"""Cityscapes' own evaluation on a city of three images, its files made by its own tools."""

import copy
import json
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from panoptic_files import edit, things_first, truth_in

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
def city(tmp_path):
    """Return class names, data samples, arguments of metrics and where the annotations are."""
    pytest.importorskip('cityscapesscripts', reason='the extra "cityscapes" is not installed')
    annotated = tmp_path / 'gtFine' / 'val' / 'aachen'
    annotated.mkdir(parents=True)
    scenes = [scene(2 * number) for number in range(3)]
    for stem, (ids, _) in zip(STEMS, scenes, strict=True):
        cv2.imwrite(str(annotated / f'{stem}_gtFine_instanceIds.png'), ids)
    convert = cityscapes_scripts.load('preparation.createPanopticImgs', 'test').convert2panoptic
    convert(str(tmp_path / 'gtFine'), str(tmp_path), setNames=['val'])
    path = tmp_path / 'cityscapes_panoptic_val.json'
    classes, labels = things_first(json.loads(path.read_text())['categories'])
    return SimpleNamespace(
        classes=classes,
        samples=[sample(stem, seen, labels) for stem, (_, seen) in zip(STEMS, scenes, strict=True)],
        truth=truth_in(tmp_path, path.stem),
        gt=dict(gt_folder=str(annotated.parent)),
        written=dict(outfile_prefix=str(tmp_path / 'r')),
        annotated=annotated,
        path=path,
    )


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


def test_pq_equals_ours(city, evaluate):
    data = city.classes, city.samples
    options = dict(classwise=True, **city.written, **city.truth)
    official = evaluate('KMaXCityscapesPanopticMetric', *data, **options)
    ours = evaluate('KMaXPanopticMetric', *data, **city.truth)
    assert 0 < ours['coco_panoptic/PQ'] < 100
    for name, value in ours.items():
        key = name.replace('coco', 'cityscapes')
        assert official[key] == pytest.approx(value, rel=0, abs=1e-10)


def test_ap_equals_the_script_on_the_submission(city, evaluate, monkeypatch, tmp_path):
    kind, data = 'KMaXCityscapesInstanceMetric', (city.classes, city.samples)
    made = evaluate(kind, *data, classwise=True, **city.gt)
    assert evaluate(kind, *data, format_only=True, **city.written) == {}
    scripts = cityscapes_scripts.load('evaluation.evalInstanceLevelSemanticLabeling', 'test')
    args = copy.copy(scripts.args)
    args.predictionPath = str(tmp_path / 'r.instances')
    args.gtInstancesFile = str(tmp_path / 'gtInstances.json')
    args.quiet, args.JSONOutput = True, False
    # Its dump of the matches fails on the integers of today's numpy.
    monkeypatch.setattr(scripts, 'writeDict2JSON', lambda *_: None)
    annotated = sorted(map(str, city.annotated.glob('*_instanceIds.png')))
    predicted = [scripts.getPrediction(path, args) for path in annotated]
    expected = scripts.evaluateImgLists(predicted, annotated, args)['averages']
    assert 0 < expected['allAp'] < 1
    assert made == {
        'cityscapes/mAP': pytest.approx(expected['allAp'], rel=0, abs=1e-12),
        'cityscapes/AP@50': pytest.approx(expected['allAp50%'], rel=0, abs=1e-12),
    }


def all_figures(evaluate, city, samples, prefix):
    """Return the figures of all metrics, predictions written by those that can."""
    official, ours = (dict(outfile_prefix=f'{prefix}_{name}') for name in ('official', 'ours'))
    figures = {}
    for kind, options in dict(
        KMaXPanopticMetric=city.truth | ours,
        KMaXPipelinePanopticMetric=city.truth,
        KMaXInstanceMetric=city.truth | ours,
        KMaXSemanticMetric=city.truth,
        KMaXCityscapesPanopticMetric=city.truth | official,
        KMaXCityscapesInstanceMetric=city.gt | official,
    ).items():
        figures |= evaluate(kind, city.classes, samples, **options)
    return figures


def written(folder, prefix):
    """Return the contents of the files that metrics wrote."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob('*') if path.is_file()}
    return {
        name.removeprefix(prefix): path.read_bytes()
        for name, path in files.items()
        if name.startswith(prefix)
    }


@pytest.mark.parametrize('shares', [(2, 1), (2, 2)], ids=['uneven', 'one_image_twice'])
def test_two_processes_find_the_same(city, shares, evaluate, in_a_group, tmp_path):
    parts = city.samples[: shares[0]], city.samples[-shares[1] :]
    two, one = tmp_path / 'two', tmp_path / 'one'
    found = in_a_group(lambda rank: all_figures(evaluate, city, parts[rank], two))
    expected = all_figures(evaluate, city, city.samples, one)
    assert len({name.partition('/')[0] for name in expected}) == 6
    assert found == [expected] * 2
    assert len(written(tmp_path, 'one')) > 6
    assert written(tmp_path, 'one') == written(tmp_path, 'two')


def test_interrupted_instances_leave_no_result(city, tmp_path):
    metric = evaluation.KMaXCityscapesInstanceMetric(format_only=True, **city.written)
    metric.dataset_meta = dict(classes=city.classes)
    metric.process({}, city.samples)
    assert not (tmp_path / 'r.instances').exists()


def submit(evaluate, city):
    """Write a submission."""
    options = dict(ann_file=city.truth['ann_file'], format_only=True, **city.written)
    evaluate('KMaXCityscapesPanopticMetric', city.classes, city.samples, **options)


def test_train_ids_are_no_submission(city, evaluate):
    edit(city.path, lambda content: content['categories'][0].update(id=0))
    with pytest.raises(ValueError, match=r'"road", but the test server .* id 7: create .*train-id'):
        submit(evaluate, city)


@pytest.mark.parametrize('image', [3, 'aachen_000000_000019_leftImg8bit'])
def test_other_image_ids_are_no_submission(city, evaluate, image, tmp_path):
    submit(evaluate, city)
    submitted = json.loads((tmp_path / 'r.panoptic.json').read_text())['annotations']
    assert [entry['image_id'] for entry in submitted] == STEMS
    city.samples[0]['img_id'] = image
    with pytest.raises(ValueError, match=rf'such as berlin_.*{STEMS[0]}.* has the id {image}: cre'):
        submit(evaluate, city)


def test_parts_and_missing_annotations(city, evaluate):
    options = city.written | city.truth
    with pytest.raises(ValueError, match=r'2 images were not predicted, such as aachen_000001'):
        evaluate('KMaXCityscapesPanopticMetric', city.classes, city.samples[:1], **options)
    (city.annotated / f'{STEMS[1]}_gtFine_instanceIds.png').unlink()
    with pytest.raises(FileNotFoundError, match=f'{STEMS[1]}_gtFine_instanceIds.png of image'):
        evaluate('KMaXCityscapesInstanceMetric', city.classes, city.samples, **city.gt)


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

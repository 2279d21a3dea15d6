"""The metric on maps in memory against the evaluation of files."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import json

import numpy as np
import pytest
import torch
from mmdet.registry import METRICS

from projects.kmax.evaluation import pq_compute
from projects.kmax.panoptic_format import read_panoptic_png

KEYS = {f'coco_panoptic/{name}{kind}' for name in ('PQ', 'SQ', 'RQ') for kind in ('', '_th', '_st')}


def load(folder):
    """Return class names, things first, and the predictions as data samples."""
    gt, pred = (json.loads((folder / f'{side}.json').read_text()) for side in ('gt', 'pred'))
    categories = sorted(gt['categories'], key=lambda category: not category['isthing'])
    labels = {category['id']: label for label, category in enumerate(categories)}
    samples = []
    for annotation in pred['annotations']:
        ids = read_panoptic_png(folder / 'pred' / annotation['file_name'], '').astype(np.int64)
        panoptic = np.full(ids.shape, len(labels))
        for instance, segment in enumerate(annotation['segments_info'], 1):
            panoptic[ids == segment['id']] = labels[segment['category_id']] + 1000 * instance
        sem_seg = torch.from_numpy(panoptic)[None].int()
        samples.append(
            dict(
                img_id=annotation['image_id'],
                img_path=f'images/{annotation["file_name"]}',
                pred_panoptic_seg=dict(sem_seg=sem_seg),
            )
        )
    return [category['name'] for category in categories], samples


def build(folder, **kwargs):
    kwargs = dict(ann_file=str(folder / 'gt.json'), seg_prefix=str(folder / 'gt')) | kwargs
    return METRICS.build(dict(type='KMaXPanopticMetric', **kwargs))


def evaluate(metric, classes, samples):
    metric.dataset_meta = dict(classes=classes)
    for start in range(0, len(samples), 2):
        metric.process({}, samples[start : start + 2])
    return metric.evaluate(len(samples))


@pytest.mark.parametrize('name', ['edge', 'coco4', 'synth60'])
def test_equals_pq_compute(oracle, name):
    folder = oracle(f'pq/{name}')
    result = evaluate(build(folder, classwise=True), *load(folder))
    expected = pq_compute(folder / 'gt.json', folder / 'pred.json')
    assert result.keys() == KEYS
    for group, kind in dict(All='', Things='_th', Stuff='_st').items():
        for value in ('pq', 'sq', 'rq'):
            made = result[f'coco_panoptic/{value.upper()}{kind}']
            assert made == pytest.approx(100 * expected[group][value], rel=0, abs=1e-10)


def test_export_evaluates_to_the_same(oracle, tmp_path):
    folder = oracle('pq/edge')
    result = evaluate(build(folder, outfile_prefix=str(tmp_path / 'out/results')), *load(folder))
    exported = pq_compute(folder / 'gt.json', tmp_path / 'out/results.panoptic.json', folder / 'gt')
    assert result['coco_panoptic/PQ'] == pytest.approx(100 * exported['All']['pq'], abs=1e-10)
    names = {path.name for path in (tmp_path / 'out').rglob('*') if path.is_file()}
    assert names == {'results.panoptic.json', *(path.name for path in (folder / 'gt').iterdir())}


def test_format_only_needs_no_annotations(oracle, tmp_path):
    folder = oracle('pq/edge')
    classes, samples = load(folder)
    info = json.loads((folder / 'gt.json').read_text())
    del info['annotations']
    ann_file = tmp_path / 'info.json'
    ann_file.write_text(json.dumps(info))
    prefix = str(tmp_path / 'results')
    metric = build(folder, ann_file=str(ann_file), format_only=True, outfile_prefix=prefix)
    assert evaluate(metric, classes, samples) == {}
    exported = json.loads((tmp_path / 'results.panoptic.json').read_text())['annotations']
    assert [entry['file_name'] for entry in exported][0] == 'perfect_stuff.png'
    assert exported[0]['segments_info'][0]['area'] == 400


def test_nothing_predicted(oracle):
    folder = oracle('pq/edge')
    classes, samples = load(folder)
    for sample in samples:
        sample['pred_panoptic_seg']['sem_seg'].fill_(len(classes))
    result = evaluate(build(folder), classes, samples)
    assert set(result.values()) == {0.0}


def test_bad_arguments(oracle):
    folder = oracle('pq/edge')
    with pytest.raises(ValueError, match='format_only=True needs outfile_prefix'):
        build(folder, format_only=True)
    with pytest.raises(ValueError, match='seg_prefix'):
        build(folder, seg_prefix=None)


def test_bad_predictions(oracle):
    folder = oracle('pq/edge')
    classes, samples = load(folder)
    with pytest.raises(ValueError, match=r"classes \['yeti'\] are not among .*gt.json"):
        evaluate(build(folder), [*classes, 'yeti'], samples)
    small = [samples[0] | dict(pred_panoptic_seg=dict(sem_seg=torch.zeros(1, 3, 3).int()))]
    with pytest.raises(ValueError, match=r'image 1: .* size \(3, 3\), .*stuff.png has \(20, 20\)'):
        evaluate(build(folder), classes, small)
    with pytest.raises(ValueError, match='image 99 has no annotation in .*gt.json'):
        evaluate(build(folder), classes, [samples[0] | dict(img_id=99)])


def test_unknown_category_in_the_annotation(oracle, tmp_path):
    folder = oracle('pq/edge')
    content = json.loads((folder / 'gt.json').read_text())
    content['annotations'][0]['segments_info'][0]['category_id'] = 99
    ann_file = tmp_path / 'gt.json'
    ann_file.write_text(json.dumps(content))
    name = content['annotations'][0]['file_name']
    message = rf'image 1 \({name}\) in .*gt.json has the unknown category 99; known are \['
    with pytest.raises(ValueError, match=message):
        build(folder, ann_file=str(ann_file))


def test_missing_area_is_found_when_the_metric_is_built(oracle, tmp_path):
    folder = oracle('pq/edge')
    content = json.loads((folder / 'gt.json').read_text())
    last = [a for a in content['annotations'] if a['segments_info']][-1]
    del last['segments_info'][-1]['area']
    ann_file = tmp_path / 'gt.json'
    ann_file.write_text(json.dumps(content))
    message = rf"of image {last['image_id']} .* in .*gt.json lacks the fields \['area'\]"
    with pytest.raises(ValueError, match=message):
        build(folder, ann_file=str(ann_file))

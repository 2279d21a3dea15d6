"""The metric on maps in memory against the evaluation of files."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from mmdet.registry import METRICS

from projects.kmax.evaluation import pq_compute
from projects.kmax.panoptic_format import read_panoptic_png

KIND = 'KMaXPanopticMetric'
KEYS = {f'coco_panoptic/{name}{kind}' for name in ('PQ', 'SQ', 'RQ') for kind in ('', '_th', '_st')}


@pytest.fixture
def load(things_first):
    """Return a function from a folder to class names, and to the predictions as data samples."""
    return partial(recorded, things_first)


def recorded(things_first, folder):
    gt, pred = (json.loads((folder / f'{side}.json').read_text()) for side in ('gt', 'pred'))
    classes, labels = things_first(gt['categories'])
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
    return classes, samples


def truth(folder):
    return dict(ann_file=str(folder / 'gt.json'), seg_prefix=str(folder / 'gt'))


def build(folder, **options):
    return METRICS.build(dict(type=KIND, **(truth(folder) | options)))


@pytest.mark.parametrize('name', ['edge', 'coco4', 'synth60'])
def test_equals_pq_compute(recordings, load, evaluate, name):
    folder = recordings(f'pq/{name}')
    result = evaluate(KIND, *load(folder), classwise=True, **truth(folder))
    expected = pq_compute(folder / 'gt.json', folder / 'pred.json')
    assert result.keys() == KEYS
    for group, kind in dict(All='', Things='_th', Stuff='_st').items():
        for value in ('pq', 'sq', 'rq'):
            made = result[f'coco_panoptic/{value.upper()}{kind}']
            assert made == pytest.approx(100 * expected[group][value], rel=0, abs=1e-10)


def test_export_evaluates_to_the_same(recordings, load, evaluate, tmp_path):
    folder = recordings('pq/edge')
    options = dict(outfile_prefix=str(tmp_path / 'out/results'), **truth(folder))
    result = evaluate(KIND, *load(folder), **options)
    exported = pq_compute(folder / 'gt.json', tmp_path / 'out/results.panoptic.json', folder / 'gt')
    assert result['coco_panoptic/PQ'] == pytest.approx(100 * exported['All']['pq'], abs=1e-10)
    names = {path.name for path in (tmp_path / 'out').rglob('*') if path.is_file()}
    assert names == {'results.panoptic.json', *(path.name for path in (folder / 'gt').iterdir())}


def test_format_only_needs_no_annotations(recordings, load, evaluate, tmp_path):
    folder = recordings('pq/edge')
    info = json.loads((folder / 'gt.json').read_text())
    del info['annotations']
    ann_file = tmp_path / 'info.json'
    ann_file.write_text(json.dumps(info))
    options = dict(ann_file=str(ann_file), outfile_prefix=str(tmp_path / 'results'))
    assert evaluate(KIND, *load(folder), format_only=True, **options) == {}
    exported = json.loads((tmp_path / 'results.panoptic.json').read_text())['annotations']
    assert [entry['file_name'] for entry in exported][0] == 'perfect_stuff.png'
    assert exported[0]['segments_info'][0]['area'] == 400


def test_nothing_predicted(recordings, load, evaluate):
    folder = recordings('pq/edge')
    classes, samples = load(folder)
    for sample in samples:
        sample['pred_panoptic_seg']['sem_seg'].fill_(len(classes))
    result = evaluate(KIND, classes, samples, **truth(folder))
    assert set(result.values()) == {0.0}


def test_bad_arguments(recordings):
    folder = recordings('pq/edge')
    with pytest.raises(ValueError, match='format_only=True needs outfile_prefix'):
        build(folder, format_only=True)
    with pytest.raises(ValueError, match='seg_prefix'):
        build(folder, seg_prefix=None)


def test_bad_predictions(recordings, load, evaluate):
    folder = recordings('pq/edge')
    classes, samples = load(folder)
    with pytest.raises(ValueError, match=r"classes \['yeti'\] are not among .*gt.json"):
        evaluate(KIND, [*classes, 'yeti'], samples, **truth(folder))
    small = [samples[0] | dict(pred_panoptic_seg=dict(sem_seg=torch.zeros(1, 3, 3).int()))]
    with pytest.raises(ValueError, match=r'image 1: .* size \(3, 3\), .*stuff.png has \(20, 20\)'):
        evaluate(KIND, classes, small, **truth(folder))
    with pytest.raises(ValueError, match='image 99 has no annotation in .*gt.json'):
        evaluate(KIND, classes, [samples[0] | dict(img_id=99)], **truth(folder))


@pytest.mark.parametrize('fault', ['category', 'area'])
def test_faults_are_found_when_the_metric_is_built(recordings, tmp_path, fault):
    folder = recordings('pq/edge')
    content = json.loads((folder / 'gt.json').read_text())
    annotated = [a for a in content['annotations'] if a['segments_info']]
    if fault == 'category':
        annotated[0]['segments_info'][0]['category_id'] = 99
        name = annotated[0]['file_name']
        message = rf'image 1 \({name}\) in .*gt.json has the unknown category 99; known are \['
    else:
        del annotated[-1]['segments_info'][-1]['area']
        image = annotated[-1]['image_id']
        message = rf"of image {image} .* in .*gt.json lacks the fields \['area'\]"
    ann_file = tmp_path / 'gt.json'
    ann_file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        build(folder, ann_file=str(ann_file))

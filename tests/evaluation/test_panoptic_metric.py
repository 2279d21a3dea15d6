"""The metric on maps in memory against the evaluation of files."""

import json
import shutil

import numpy as np
import pytest
import torch
from mmdet.registry import METRICS
from panoptic_files import edit, things_first, truth_in

from projects.kmax.evaluation import pq_compute
from projects.kmax.panoptic_format import read_panoptic_png

KIND = 'KMaXPanopticMetric'
KEYS = {f'coco_panoptic/{name}{kind}' for name in ('PQ', 'SQ', 'RQ') for kind in ('', '_th', '_st')}


def load(folder):
    """Return class names, and the predictions as data samples."""
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


def build(folder, **options):
    return METRICS.build(dict(type=KIND, **(truth_in(folder) | options)))


@pytest.fixture
def edge(recordings):
    return recordings('pq/edge')


@pytest.mark.parametrize('name', ['edge', 'coco4', 'synth60'])
def test_equals_pq_compute(recordings, evaluate, name):
    folder = recordings(f'pq/{name}')
    result = evaluate(KIND, *load(folder), classwise=True, **truth_in(folder))
    expected = pq_compute(folder / 'gt.json', folder / 'pred.json')
    assert result.keys() == KEYS
    for group, kind in dict(All='', Things='_th', Stuff='_st').items():
        for value in ('pq', 'sq', 'rq'):
            made = result[f'coco_panoptic/{value.upper()}{kind}']
            assert made == pytest.approx(100 * expected[group][value], rel=0, abs=1e-10)


def test_export_evaluates_to_the_same(edge, evaluate, tmp_path):
    options = dict(outfile_prefix=str(tmp_path / 'out/results'), **truth_in(edge))
    result = evaluate(KIND, *load(edge), **options)
    exported = pq_compute(edge / 'gt.json', tmp_path / 'out/results.panoptic.json', edge / 'gt')
    assert result['coco_panoptic/PQ'] == pytest.approx(100 * exported['All']['pq'], abs=1e-10)
    names = {path.name for path in (tmp_path / 'out').rglob('*') if path.is_file()}
    assert names == {'results.panoptic.json', *(path.name for path in (edge / 'gt').iterdir())}


def test_format_only_needs_no_annotations(edge, evaluate, tmp_path):
    ann_file = shutil.copyfile(edge / 'gt.json', tmp_path / 'info.json')
    edit(ann_file, lambda content: content.pop('annotations'))
    options = dict(ann_file=str(ann_file), outfile_prefix=str(tmp_path / 'results'))
    assert evaluate(KIND, *load(edge), format_only=True, **options) == {}
    exported = json.loads((tmp_path / 'results.panoptic.json').read_text())['annotations']
    assert [entry['file_name'] for entry in exported][0] == 'perfect_stuff.png'
    assert exported[0]['segments_info'][0]['area'] == 400


def test_nothing_predicted(edge, evaluate):
    classes, samples = load(edge)
    for sample in samples:
        sample['pred_panoptic_seg']['sem_seg'].fill_(len(classes))
    result = evaluate(KIND, classes, samples, **truth_in(edge))
    assert set(result.values()) == {0.0}


def test_bad_arguments(edge):
    with pytest.raises(ValueError, match='format_only=True needs outfile_prefix'):
        build(edge, format_only=True)
    with pytest.raises(ValueError, match='seg_prefix'):
        build(edge, seg_prefix=None)


def test_bad_predictions(edge, evaluate):
    classes, samples = load(edge)
    with pytest.raises(ValueError, match=r"classes \['yeti'\] are not among .*gt.json"):
        evaluate(KIND, [*classes, 'yeti'], samples, **truth_in(edge))
    small = [samples[0] | dict(pred_panoptic_seg=dict(sem_seg=torch.zeros(1, 3, 3).int()))]
    with pytest.raises(ValueError, match=r'image 1: .* size \(3, 3\), .*stuff.png has \(20, 20\)'):
        evaluate(KIND, classes, small, **truth_in(edge))
    with pytest.raises(ValueError, match='image 99 has no annotation in .*gt.json'):
        evaluate(KIND, classes, [samples[0] | dict(img_id=99)], **truth_in(edge))


@pytest.mark.parametrize('fault', ['category', 'area'])
def test_faults_are_found_when_the_metric_is_built(edge, tmp_path, fault):
    content = json.loads((edge / 'gt.json').read_text())
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
        build(edge, ann_file=str(ann_file))

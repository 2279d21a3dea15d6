"""The report's figures are the metric's, whatever the number of processes."""

import json
import re

import cv2
import numpy as np
import pytest
import torch

from projects.kmax.report.metric import ReportMetric
from projects.kmax.report.pictures import NUM_PICTURES

ORIGIN = dict(command='test.py <a>', config='c.py', checkpoint='w.pth', sha256='0123abcd')
ORIGIN |= dict(date='2026-01-01', commit=None, versions={'python': '3'})
EXTERNAL = re.compile(r'(src|href)\s*=\s*"(?!data:)|url\(|@import|https?://')


def write_images(made):
    """Draw an image of each sample's size where the sample says that it is."""
    for sample in made.samples:
        path = made.folder / sample['img_path']
        path.parent.mkdir(exist_ok=True)
        shape = sample['pred_panoptic_seg']['sem_seg'].shape[1:]
        cv2.imwrite(str(path), np.full((*shape, 3), 90, np.uint8))
        sample['img_path'] = str(path)


def report(made, folder, samples=None):
    """Evaluate samples, two at a time; return the JSON and the page."""
    metric = ReportMetric(folder, ORIGIN, dict(classes=made.classes), **made.truth)
    samples = made.samples if samples is None else samples
    for start in range(0, len(samples), 2):
        metric.process({}, samples[start : start + 2])
    assert metric.evaluate(len(samples)) == {}
    if not (folder / 'report.json').exists():
        return None, None
    content = json.loads((folder / 'report.json').read_text())
    return content, (folder / 'report.html').read_text()


@pytest.mark.filterwarnings('ignore::UserWarning')
@pytest.mark.parametrize('seed', range(3))
def test_figures_are_those_of_the_metric(seed, random_set, evaluate, tmp_path):
    made = random_set(seed)
    write_images(made)
    content, page = report(made, tmp_path / 'made' / 'report')
    figures = evaluate('KMaXPanopticMetric', made.classes, made.samples, **made.truth)
    for group, suffix in (('All', ''), ('Things', '_th'), ('Stuff', '_st')):
        for name in ('PQ', 'SQ', 'RQ'):
            expected = figures[f'coco_panoptic/{name}{suffix}']
            assert content['quality'][group][name.lower()] == expected
            assert f'{expected:.2f}' in page
    assert [each['name'] for each in content['classes']] == list(made.classes)
    for kind in ('fn', 'fp'):
        total = sum(each[kind] for each in content['classes'])
        assert sum(each[kind] for each in content['errors'].values()) == total
        for each in content['classes']:
            assert sum(counts[kind] for counts in each['errors'].values()) == each[kind]
    sizes = sum(each['segments'] for each in content['sizes'].values())
    assert sizes == sum(each['tp'] + each['fn'] for each in content['classes'])
    assert all(each['gain'] >= 0 for each in content['errors'].values())
    assert content['quality']['All']['pq'] >= content['boundary']['All']['pq']


def test_pixels_are_counted_once(random_set, tmp_path):
    made = random_set(3)
    write_images(made)
    content, _ = report(made, tmp_path)
    expected = sum(
        int((made.gt_ids[annotation['image_id']] == segment['id']).sum())
        for annotation in made.annotations
        for segment in annotation['segments_info']
        if not segment['iscrowd']
    )
    assert sum(map(sum, content['confusion'])) == expected
    for pair in content['confused']:
        row, column = (made.classes.index(pair[side]) for side in ('truth', 'predicted'))
        assert row != column and content['confusion'][row][column] == pair['pixels']
        assert pair['share'] == pair['pixels'] / sum(content['confusion'][row])


def test_page_needs_nothing_else(random_set, tmp_path):
    made = random_set(0)
    write_images(made)
    _, page = report(made, tmp_path)
    assert not EXTERNAL.search(page)
    assert 'test.py &lt;a&gt;' in page and '0123abcd' in page
    drawn = page.count('<figcaption>')
    assert 0 < drawn <= 2 * NUM_PICTURES
    assert page.count('data:image/jpeg;base64,') == 4 * drawn
    assert sorted(path.name for path in tmp_path.glob('*.*')) == ['report.html', 'report.json']


def test_without_scores_there_is_no_calibration(random_set, tmp_path):
    made = random_set(1)
    write_images(made)
    content, page = report(made, tmp_path)
    assert content['calibration'] is None
    assert 'The predictions hold no scores of pixels' in page


def test_scores_are_compared_with_hits(random_set, tmp_path):
    made = random_set(1)
    write_images(made)
    for sample in made.samples:
        pixels = sample['pred_panoptic_seg']
        halves = torch.full(pixels['sem_seg'].shape, 0.5)
        pixels.update(instance_scores=halves, semantic_scores=2 * halves)
    content, _ = report(made, tmp_path)
    hits = sum(each['tp'] for each in content['classes'])
    judged = hits + sum(each['fp'] for each in content['classes'])
    used = [each for each in content['calibration']['bins'] if each['segments']]
    assert used == [dict(low=0.5, high=0.6, segments=judged, score=0.5, precision=hits / judged)]
    assert content['calibration']['error'] == pytest.approx(abs(0.5 - hits / judged))


def test_two_processes_write_the_same(random_set, in_a_group, tmp_path):
    made = random_set(2)
    write_images(made)
    expected, page = report(made, tmp_path / 'one')

    def work(rank):
        # Samplers repeat an image where processes would have different numbers of them.
        report(made, tmp_path / 'two', [*made.samples, made.samples[0]][rank::2])

    in_a_group(work)
    assert json.loads((tmp_path / 'two' / 'report.json').read_text()) == expected
    assert (tmp_path / 'two' / 'report.html').read_text() == page


def test_semantic_predictions_are_refused(random_set, tmp_path):
    made = random_set(0)
    del made.samples[0]['pred_panoptic_seg']
    with pytest.raises(ValueError, match=r'--report needs panoptic .*test_cfg\.panoptic_on=True'):
        report(made, tmp_path / 'none')
    assert not (tmp_path / 'none').exists()

"""Panoptic quality of files against panopticapi's results, and of maps in memory against it."""

import json
import math
import shutil
import warnings

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import METRICS
from panoptic_files import edit, things_first, truth_in

from projects.kmax.evaluation import pq_compute
from projects.kmax.evaluation.panoptic_quality import match_files
from projects.kmax.panoptic_format import read_panoptic_png

EDGE_IMAGES = (
    *('perfect_stuff', 'iou_exactly_half_not_matched', 'iou_just_over_half'),
    *('void_removed_from_union', 'pred_wholly_on_void_ignored', 'pred_exactly_half_void_is_fp'),
    *('pred_over_half_void_ignored', 'pred_on_crowd_same_class_ignored'),
    *('pred_on_crowd_other_class_is_fp', 'two_crowds_same_class_only_last_counts'),
    *('void_plus_crowd_sum', 'empty_prediction', 'gt_all_void', 'wrong_class_right_mask'),
    *('gt_png_id_missing_from_json', 'gt_json_area_trusted_over_png', 'large_ids'),
    'duplicate_stuff_segments_in_gt',
)


@pytest.mark.parametrize('name', ['edge', 'coco4', 'synth60'])
def test_equals_panopticapi(oracle, name):
    folder = oracle(f'pq/{name}')
    expected = json.loads((folder / 'expected.json').read_text())['results']
    result = pq_compute(str(folder / 'gt.json'), str(folder / 'pred.json'))
    for group in ('All', 'Things', 'Stuff'):
        assert result[group] == pytest.approx(expected[group], rel=0, abs=1e-12)
    per_class = {str(category): values for category, values in result['per_class'].items()}
    assert per_class.keys() == expected['per_class'].keys()
    for category, values in expected['per_class'].items():
        assert per_class[category] == pytest.approx(values, rel=0, abs=1e-12)


def test_all_edge_cases_are_listed(oracle):
    counts = json.loads((oracle('pq/edge') / 'expected.json').read_text())['counts_per_image']
    assert set(counts) == {f'{name}.png' for name in EDGE_IMAGES}


@pytest.mark.parametrize('name', EDGE_IMAGES)
def test_counts_of_edge_case(oracle, name):
    folder = oracle('pq/edge')
    expected = json.loads((folder / 'expected.json').read_text())['counts_per_image'][f'{name}.png']
    per_image, _ = match_files(folder / 'gt.json', folder / 'pred.json')
    made = {str(c): vars(m) for c, m in per_image[f'{name}.png'].items() if any(vars(m).values())}
    assert made.keys() == expected.keys()
    for category, counts in expected.items():
        assert made[category] == pytest.approx(counts, rel=0, abs=1e-12)


@pytest.fixture
def files(tmp_path):
    """One image, half thing and half stuff, predicted perfectly; returns a function to edit it."""
    segments = [dict(id=7, category_id=1, iscrowd=0, area=8), dict(id=300, category_id=2, area=8)]
    annotation = dict(image_id=1, file_name='a.png', segments_info=segments)
    categories = [dict(id=1, name='cat', isthing=1), dict(id=2, name='sky', isthing=0)]
    ids = np.array([[7] * 4] * 2 + [[300] * 4] * 2)
    colors = np.stack([ids // 65536, ids // 256, ids % 256], -1).astype(np.uint8)
    for side in ('gt', 'pred'):
        (tmp_path / side).mkdir()
        cv2.imwrite(str(tmp_path / side / 'a.png'), colors)
        content = dict(annotations=[annotation], categories=categories, images=[])
        (tmp_path / f'{side}.json').write_text(json.dumps(content))
    return tmp_path


def segments_of(content):
    return content['annotations'][0]['segments_info']


def compute(folder):
    return pq_compute(folder / 'gt.json', folder / 'pred.json')


def check_refused(folder, message, error=ValueError):
    with pytest.raises(error, match=message):
        compute(folder)


def test_folders_may_be_given(files):
    shutil.move(files / 'gt', files / 'somewhere')
    result = pq_compute(files / 'gt.json', files / 'pred.json', files / 'somewhere', files / 'pred')
    assert result['All'] == dict(pq=1.0, sq=1.0, rq=1.0, n=2)


def test_group_without_categories_is_zero_with_a_warning(files):
    for side in ('gt', 'pred'):
        edit(files / f'{side}.json', lambda c: segments_of(c)[0].update(category_id=2))
        edit(files / f'{side}.json', lambda c: c['categories'].pop(0))
    with pytest.warns(UserWarning, match='panoptic quality of Things: none of its 0 categories'):
        result = compute(files)
    assert result['Things'] == dict(pq=0.0, sq=0.0, rq=0.0, n=0)
    assert result['All'] == dict(pq=1.0, sq=1.0, rq=1.0, n=1)


def test_empty_union_is_no_match_with_a_warning(files):
    edit(files / 'gt.json', lambda c: segments_of(c)[0].update(area=0))
    with pytest.warns(UserWarning, match=r'segment 7 of image 1 \(.*a.png\) has area 0'):
        result = compute(files)
    assert result['per_class'] == {1: dict(pq=0, sq=0, rq=0), 2: dict(pq=1, sq=1, rq=1)}


def test_no_warning_in_ordinary_use(files):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        result = compute(files)
    assert result['All'] == dict(pq=1.0, sq=1.0, rq=1.0, n=2)
    assert [str(warning.message) for warning in caught] == []


def test_null_areas_are_counted(files):
    edit(files / 'gt.json', lambda c: segments_of(c)[0].update(area=None))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert compute(files)['All'] == dict(pq=1.0, sq=1.0, rq=1.0, n=2)


DOUBTS = {
    'area': (
        lambda c: segments_of(c)[0].update(area=2),
        r'wrong area: segment 7 of image 1 in .*gt.json has area 2, but 8 pixels in .*gt/a.png',
    ),
    'only in the PNG': (
        lambda c: segments_of(c).pop(),
        'PNG id missing from the JSON: .*gt/a.png holds id 300, which is not among',
    ),
    'only in the JSON': (
        lambda c: segments_of(c).append(dict(id=9, category_id=1, area=4)),
        'JSON id missing from the PNG: .*gt/a.png has no pixel of id 9',
    ),
}


@pytest.mark.parametrize('name', DOUBTS)
def test_annotations_that_contradict_their_png_are_told(name, files, evaluate):
    classes, samples = load(files)
    change, message = DOUBTS[name]
    edit(files / 'gt.json', change)
    message += '.*Figures are computed all the same, as panopticapi does; .* lists all'
    with pytest.warns(UserWarning, match=message):
        compute(files)
    with pytest.warns(UserWarning, match=message):
        evaluate(KIND, classes, samples, **truth_in(files))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda c: segments_of(c)[0].update(area=math.nan), '"area": NaN, which must be a number'),
        (lambda c: segments_of(c)[0].update(area=-8), '"area": -8, which must be a number from 0'),
        (lambda c: segments_of(c)[0].update(iscrowd=7), '"iscrowd": 7, which must be 0 or 1'),
        (lambda c: c['categories'][0].update(isthing=2), '"isthing": 2, which must be 0 or 1'),
        (lambda c: c['categories'][0].update(id=2), 'has several categories with the id 2'),
    ],
)
def test_impossible_values(change, message, files):
    edit(files / 'gt.json', change)
    check_refused(files, f'gt.json.* {message}')
    with pytest.raises(ValueError, match=message):
        build(files)


@pytest.mark.parametrize('side', ['gt', 'pred'])
class TestBadFiles:
    def test_missing_json(self, files, side):
        (files / f'{side}.json').unlink()
        check_refused(files, f'{side}.json does not exist', FileNotFoundError)

    def test_invalid_json(self, files, side):
        (files / f'{side}.json').write_text('{')
        check_refused(files, f'{side}.json is not valid JSON')

    def test_json_without_annotations(self, files, side):
        edit(files / f'{side}.json', lambda c: c.pop('annotations'))
        check_refused(files, rf"{side}.json lacks the fields \['annotations'\]")

    def test_missing_png(self, files, side):
        (files / side / 'a.png').unlink()
        check_refused(files, f'{side}/a.png of image 1 does not exist', FileNotFoundError)

    @pytest.mark.parametrize('keep', [0, 30, -13])
    def test_truncated_png(self, files, side, keep):
        path = files / side / 'a.png'
        path.write_bytes(path.read_bytes()[:keep])
        check_refused(files, f'{side}/a.png of image 1 is truncated')

    def test_grey_png(self, files, side):
        cv2.imwrite(str(files / side / 'a.png'), np.zeros((4, 4), np.uint8))
        check_refused(files, f'{side}/a.png of image 1 must have three channels')

    def test_sizes_differ(self, files, side):
        cv2.imwrite(str(files / side / 'a.png'), np.zeros((4, 5, 3), np.uint8))
        check_refused(files, r'image 1: prediction .*pred/a.png has size \(4, .')

    def test_unknown_category(self, files, side):
        edit(files / f'{side}.json', lambda c: segments_of(c)[0].update(category_id=9))
        check_refused(files, f'segment 7 of image 1 .a.png. in .*{side}.json has the unknown .* 9')

    def test_segment_without_id(self, files, side):
        edit(files / f'{side}.json', lambda c: segments_of(c)[0].pop('category_id'))
        check_refused(files, r"segment 7 of image 1 .*lacks .*\['category_id'\]")


def test_image_without_prediction(files):
    edit(files / 'pred.json', lambda c: c['annotations'].clear())
    check_refused(files, 'image 1 .a.png. of .*gt.json has no prediction in .*pred')


def test_predicted_id_not_in_json(files):
    edit(files / 'pred.json', lambda c: segments_of(c).pop())
    check_refused(files, r'pred/a.png holds id 300, .*image 1 in .*pred.json')


def test_predicted_id_not_in_png(files):
    edit(files / 'pred.json', lambda c: segments_of(c).append(dict(id=8, category_id=1)))
    check_refused(files, r'pred/a.png has no pixel of id 8, .*image 1 in')


@pytest.mark.parametrize(
    'change', [dict(id=300), dict(id=0), dict(id=256**3)], ids=lambda change: str(change['id'])
)
@pytest.mark.parametrize('side', ['gt', 'pred'])
def test_impossible_id(files, side, change):
    edit(files / f'{side}.json', lambda c: segments_of(c)[0].update(change))
    check_refused(files, rf'segment \d+ of image 1 .*{side}.json (must|shares)')


@pytest.mark.parametrize('side', ['gt', 'pred'])
def test_two_annotations_of_an_image(files, side):
    edit(files / f'{side}.json', lambda c: c['annotations'].append(c['annotations'][0]))
    check_refused(files, f'image 1 of .*{side}.json has two annotations')


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


def test_faults_are_found_when_the_metric_is_built(edge, tmp_path):
    content = json.loads((edge / 'gt.json').read_text())
    annotated = [a for a in content['annotations'] if a['segments_info']]
    annotated[0]['segments_info'][0]['category_id'] = 99
    name = annotated[0]['file_name']
    message = rf'image 1 \({name}\) in .*gt.json has the unknown category 99; known are \['
    ann_file = tmp_path / 'gt.json'
    ann_file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        build(edge, ann_file=str(ann_file))

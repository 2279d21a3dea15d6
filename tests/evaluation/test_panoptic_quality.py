"""Panoptic quality against panopticapi's results."""

import json
import shutil
import warnings

import cv2
import numpy as np
import pytest
from panoptic_files import edit

from projects.kmax.evaluation import pq_compute
from projects.kmax.evaluation.panoptic_quality import match_files

EDGE_IMAGES = [
    'perfect_stuff',
    'iou_exactly_half_not_matched',
    'iou_just_over_half',
    'void_removed_from_union',
    'pred_wholly_on_void_ignored',
    'pred_exactly_half_void_is_fp',
    'pred_over_half_void_ignored',
    'pred_on_crowd_same_class_ignored',
    'pred_on_crowd_other_class_is_fp',
    'two_crowds_same_class_only_last_counts',
    'void_plus_crowd_sum',
    'empty_prediction',
    'gt_all_void',
    'wrong_class_right_mask',
    'gt_png_id_missing_from_json',
    'gt_json_area_trusted_over_png',
    'large_ids',
    'duplicate_stuff_segments_in_gt',
]


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

import json
import sys

import numpy as np
import pytest
from opened import (
    SAMPLES,
    assert_alike,
    copy_sample,
    disc,
    image_of,
    masks_of,
    messages_of,
    open_export,
    painted,
)

from projects.kmax.importing.classes import choose_classes
from projects.kmax.importing.label_studio import DECODERS, ImageIndex

SAMPLE = SAMPLES / 'label_studio'
IMAGES = SAMPLE / 'images'
STREET = 'straße_1.png'
BRUSH = 1


@pytest.fixture
def decoder():
    """Skip where the package is not installed that decodes brushes."""
    pytest.importorskip('label_studio_sdk', reason='label-studio-sdk is not installed')


@pytest.fixture
def edit(tmp_path):
    """Return a function that changes tasks and opens them; brushes are taken away."""
    path = copy_sample('label_studio', tmp_path) / 'export.json'

    def change(function, brush=False):
        tasks = json.loads(path.read_text(encoding='utf-8'))
        results = tasks[0]['annotations'][0]['result']
        if not brush:
            del results[BRUSH]
        function(tasks, results)
        path.write_text(json.dumps(tasks))
        return open_export('label-studio', path, path.parent / 'images')

    change.images = path.parent / 'images'
    return change


def test_the_sample_has_no_fault_and_its_brush_is_exact(decoder):
    source = open_export('label-studio', SAMPLE / 'export.json', IMAGES)
    assert messages_of(source) == [] and source.unlabelled == 1
    assert source.notes == ['annotations without an area are left out: 1 choices']
    found = masks_of(source, STREET)
    assert [label for label, *_ in found] == ['road', 'ball', 'car', 'car']
    assert np.array_equal(found[BRUSH][1], disc(30, 20, 5))


def test_outlines_in_percent_become_their_pixels(edit):
    source = edit(lambda tasks, results: None)
    (_, road, _), (_, box, _), (_, ellipse, _) = masks_of(source, STREET)
    assert np.array_equal(road, painted((0, 20, 40, 30)))
    assert np.array_equal(box, painted((10, 12, 14, 18)))
    assert_alike(ellipse, disc(23.5, 8.5, 5, 3))
    assert masks_of(source, 'field.png') == []


def test_a_rectangle_is_turned_about_its_corner(edit):
    source = edit(lambda tasks, results: results[1]['value'].update(rotation=90))
    assert np.array_equal(masks_of(source, STREET)[1][1], painted((4, 12, 10, 16)))


def test_labels_of_their_own_tag_name_outlines(edit):
    """Where tools and labels are separate tags, an outline stands once with, once without them."""

    def separate(tasks, results):
        points = results[0]['value']['points']
        same = dict(results[0], id='x')
        results[:] = [
            dict(same, type='polygon', value=dict(points=points)),
            dict(same, type='labels', value=dict(points=points, labels=['road'])),
        ]

    ((label, mask, _),) = masks_of(edit(separate), STREET)
    assert label == 'road' and np.array_equal(mask, painted((0, 20, 40, 30)))


@pytest.mark.parametrize('name', ['coco/result.json', 'brush_coco/result_coco.json'])
def test_exports_as_coco_ask_for_things(name):
    source = open_export('label-studio', SAMPLE / name, IMAGES)
    assert messages_of(source) == []
    found = masks_of(source, STREET)
    assert np.array_equal(found[0][1], painted((0, 20, 40, 30)))
    # The outline that Label Studio makes of a brush goes through the middle of its border's pixels.
    for _, ball, _ in found[1:]:
        assert_alike(ball, disc(30, 20, 5), share=0.2)
    with pytest.raises(ValueError, match='give --things A,B,C .* the labels are ball, road'):
        choose_classes(source.classes, None, None, source.others_are_things)


def test_ground_truth_is_taken_of_several_annotations(edit):
    def mark(tasks, results):
        tasks[0]['annotations'].append(dict(result=results[:1], ground_truth=True))

    assert len(masks_of(edit(mark), STREET)) == 1


def test_images_are_found_by_what_the_server_calls_them(tmp_path):
    for name in ('a/1.png', 'b/1.png', 'b/ä.png', 'c/12345678-x.png', 'x.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    find = ImageIndex(tmp_path).find
    assert find('/data/local-files/?d=set/b/1.png') == 'b/1.png'
    assert find('s3://bucket/a/1.png') == 'a/1.png'
    assert find('https://host/b/%C3%A4.png?token=1') == 'b/ä.png'
    assert find('..\\..\\media\\upload\\4\\cb0618f6-ä.png') == 'b/ä.png'
    assert find('/data/upload/1/12345678-x.png') == 'c/12345678-x.png'
    assert find('/data/upload/1/87654321-x.png') == 'x.png'
    with pytest.raises(FileNotFoundError, match='1.png, which can be a/1.png or b/1.png'):
        find('/data/upload/1/1.png')
    with pytest.raises(FileNotFoundError, match='y.png, which is not in '):
        find('y.png')


FAULTS = {
    'two points': (dict(value=dict(points=[[1, 1], [5, 5]], polygonlabels=['a'])), 'of 2 points'),
    'outside': (
        dict(value=dict(points=[[120, 1], [130, 1], [130, 9]], polygonlabels=['a'])),
        'has a polygon outside of the image of 40x30 pixels',
    ),
    'text': (
        dict(type='rectanglelabels', value=dict(width='x', rectanglelabels=['a'])),
        'has "x": None, which must be a number',
    ),
    'size': (dict(original_width=41), 'is of an image of 41x30 pixels, but its image is 40x30'),
    'turned': (dict(image_rotation=90), 'is drawn on an image turned in Label Studio'),
    'two labels': (
        dict(value=dict(points=[], polygonlabels=['a', 'b'])),
        "has the labels ['a', 'b']: give it one in Label Studio",
    ),
    'no label': (dict(type='polygon'), 'has the labels None: give it one in Label Studio'),
    'no outline': (dict(value=dict(polygonlabels=['a'])), 'has no outline that is read, but ['),
}


@pytest.mark.parametrize('case', FAULTS)
def test_a_faulty_result_is_named(edit, case):
    change, expected = FAULTS[case]
    (message,) = messages_of(edit(lambda tasks, results: results[0].update(change)))
    assert expected in message and 'export.json, task 1, result r0 ' in message


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (lambda rle: rle[1:], 'has an RLE that is not of the 40x30 pixels of its image'),
        (lambda rle: rle[:12], 'has a damaged RLE'),
        (lambda rle: rle[:12] + [256], 'has an RLE that is no list of numbers from 0 to 255'),
        (lambda rle: 7000 * 'a', 'has an RLE that is no list of numbers from 0 to 255'),
    ],
)
def test_a_faulty_brush_is_named(decoder, edit, change, expected):
    def damage(tasks, results):
        results[BRUSH]['value']['rle'] = change(results[BRUSH]['value']['rle'])

    (message,) = messages_of(edit(damage, brush=True))
    assert f'result r1 {expected}' in message


def test_faulty_tasks_are_all_named(edit):
    def damage(tasks, results):
        tasks[0]['annotations'].append(dict(result=[]))
        tasks[1]['data'] = dict(image='/data/upload/1/absent.png')
        tasks[2] = dict(id=3, data=dict(text='a'), annotations=[dict(result=[])])

    several, absent, none = messages_of(edit(damage))
    assert 'task 1 has 2 annotations: delete all but one' in several
    assert f'task 2 names the image absent.png, which is not in {edit.images}' in absent
    assert 'task 3 has 0 images in its "data": one is needed' in none


def test_missing_images_of_coco_are_named(edit, tmp_path):
    (edit.images / STREET).unlink()
    path = tmp_path / 'label_studio' / 'coco' / 'result.json'
    (message,) = messages_of(open_export('label-studio', path, edit.images))
    assert f'image 0 of {path} names the image 0a1b2c3d-{STREET}, which is not in ' in message


def test_two_tasks_for_one_image_have_one_name(edit):
    """As which the command refuses them."""
    source = edit(lambda tasks, results: tasks.append(dict(tasks[0], id=4)))
    assert [image.name for image in source.images].count(STREET) == 2


def test_an_export_of_another_kind_is_refused(edit, tmp_path):
    path = tmp_path / 'min.json'
    path.write_text('[{"image": "a.png", "label": []}]')
    with pytest.raises(ValueError, match='is no JSON export of Label Studio'):
        open_export('label-studio', path, edit.images)


def test_the_package_of_brushes_is_named_where_it_is_missing(monkeypatch):
    for name in DECODERS:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match='pip install label-studio-sdk'):
        open_export('label-studio', SAMPLE / 'export.json', IMAGES)


def test_images_stay_in_their_folder(edit):
    assert image_of(edit(lambda *_: None), STREET).path == edit.images / STREET

import json

import numpy as np
import pytest
from opened import (
    SAMPLES,
    STREET,
    assert_alike,
    copy_sample,
    disc,
    image_of,
    masks_of,
    messages_of,
    open_export,
    painted,
)
from PIL import Image

from projects.kmax.importing.rasters import rasterise

LABELS = SAMPLES / 'labelme' / 'labels'


@pytest.fixture(scope='module')
def source():
    return open_export('labelme', LABELS)


@pytest.fixture
def edit(tmp_path):
    """Return a function that changes the JSON of the street and opens the folder."""
    folder = copy_sample('labelme', tmp_path) / 'labels'
    path = folder / 'straße 1.json'

    def change(function):
        content = json.loads(path.read_text(encoding='utf-8'))
        function(content)
        path.write_text(json.dumps(content))
        return open_export('labelme', folder)

    change.folder = folder
    return change


def test_the_sample_has_no_fault_and_what_has_no_area_is_told(source):
    assert messages_of(source) == []
    assert source.notes == [
        'annotations without an area are left out: 1 linestrip, 1 point',
        '1 images are taken from "imageData", as their files are missing',
    ]
    assert [image.size for image in source.images] == [(30, 40)] * 3


def test_each_type_of_shape_becomes_its_pixels(source):
    (_, road, _), (_, pair, _), (_, circle, _), (_, ball, _) = masks_of(source, STREET)
    assert np.array_equal(road, painted((0, 20, 40, 30)))
    assert_alike(circle, disc(23.5, 7.5, 5))
    assert np.array_equal(ball, disc(30, 20, 5))
    assert np.array_equal(pair, painted((2, 12, 8, 18), (10, 12, 14, 18)))
    assert [label for label, *_ in masks_of(source, STREET)] == ['road', 'car', 'car', 'ball']


def test_polygons_and_a_mask_of_one_group_are_one_object(edit):
    def group(content):
        content['shapes'][4].update(label='car', group_id=1)

    masks = masks_of(edit(group), STREET)
    expected = painted((2, 12, 8, 18), (10, 12, 14, 18)) | disc(30, 20, 5)
    assert len(masks) == 3 and np.array_equal(masks[1][1], expected)


def test_one_group_id_of_two_labels_are_two_objects(edit):
    masks = masks_of(edit(lambda content: content['shapes'][2].update(label='bus')), STREET)
    assert [label for label, *_ in masks] == ['road', 'car', 'bus', 'car', 'ball']


def test_an_image_that_only_the_json_holds_is_read_from_it(source, tmp_path):
    image = image_of(source, 'embedded.png')
    assert image.path is None
    (tmp_path / 'image.png').write_bytes(image.read_image())
    assert Image.open(tmp_path / 'image.png').size == (40, 30)


def test_images_are_found_by_paths_of_windows_and_in_another_folder(edit):
    source = edit(lambda content: content.update(imagePath=f'..\\images\\{STREET}'))
    assert image_of(source, STREET).path == edit.folder.parent / 'images' / STREET
    moved = edit.folder.parent.parent / 'moved'
    (edit.folder.parent / 'images').rename(moved)
    found = open_export('labelme', edit.folder, moved)
    assert image_of(found, STREET).path == moved / STREET


def test_images_of_one_name_in_several_folders_keep_their_folders(edit):
    other = edit.folder / 'more'
    other.mkdir()
    (other / STREET).write_bytes((edit.folder.parent / 'images' / STREET).read_bytes())
    text = json.dumps(dict(shapes=[], imagePath=STREET, imageHeight=30, imageWidth=40))
    (other / 'x.json').write_text(text)
    names = sorted(image.name for image in edit(lambda content: None).images)
    assert names[2:] == [f'images/{STREET}', f'labels/more/{STREET}']


def test_an_empty_file_has_no_regions(source):
    assert masks_of(source, 'field.png') == []


FAULTS = {
    'two points': (dict(points=[[1, 1], [5, 5]]), 'has a polygon of 2 points'),
    'outside': (dict(points=[[50, 1], [60, 1], [60, 9]]), 'has a polygon outside of the image'),
    'not points': (dict(points=[[1], [2, 3]]), 'has points that are not pairs of numbers'),
    'no label': (dict(label=' '), "has the label ' ', which must be a string"),
    'unknown type': (dict(shape_type='cube'), "is of the type 'cube', of which polygon"),
    'circle of one point': (dict(shape_type='circle', points=[[1, 1]]), 'has 1 points: it needs 2'),
    'group': (dict(group_id=[1]), 'has the group_id [1], which must be a whole number'),
    'no mask': (dict(shape_type='mask', points=[[1, 1], [2, 2]]), 'has a mask that is no PNG'),
    'large mask': (
        dict(shape_type='mask', points=[[0, 0], [10**9, 10**9]]),
        'has a mask of 1000000001x1000000001 pixels, but its image is 40x30',
    ),
}


@pytest.mark.parametrize('case', FAULTS)
def test_a_faulty_shape_is_named(edit, case):
    change, expected = FAULTS[case]
    (message,) = messages_of(edit(lambda content: content['shapes'][0].update(change)))
    assert f'straße 1.json, shape 0 {expected}' in message


def test_a_mask_of_another_size_is_named(edit):
    def stretch(content):
        content['shapes'][4]['points'][1] = [36, 25]

    (message,) = messages_of(edit(stretch))
    assert 'shape 4 has a mask of 11x11 pixels, but its points span 12x11' in message


def test_all_faulty_files_are_listed(edit):
    (edit.folder / 'broken.json').write_text('{')
    (edit.folder / 'other.json').write_text('{"images": []}')
    (edit.folder / 'field.json').unlink()
    (edit.folder.parent / 'images' / 'field.png').unlink()
    text = json.dumps(dict(shapes=[], imagePath='gone.png', imageData=None))
    (edit.folder / 'gone.json').write_text(text)
    broken, other, gone = messages_of(edit(lambda content: None))
    assert 'broken.json is not valid JSON' in broken
    assert 'other.json lacks "shapes"' in other
    assert 'gone.json' in gone and gone.endswith('gone.png does not exist')


def test_two_files_for_one_image_have_one_name(edit):
    """As which the command refuses them."""
    (edit.folder / 'copy.json').write_bytes((edit.folder / 'straße 1.json').read_bytes())
    names = [image.name for image in edit(lambda content: None).images]
    assert names.count(STREET) == 2


def test_no_folder_of_json_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='is no folder with JSON of labelme'):
        open_export('labelme', tmp_path)


def test_large_circles_are_round():
    from projects.kmax.importing.outlines import ellipse
    from projects.kmax.importing.source import Polygons

    size = (1200, 1200)
    crop = rasterise(Polygons([ellipse(600, 600, 500, 500)]), size)
    assert abs(crop.mask.sum() / (np.pi * 500**2) - 1) < 0.005

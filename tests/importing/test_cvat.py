import numpy as np
import pytest
from opened import (
    SAMPLES,
    STREET,
    assert_alike,
    copy_sample,
    disc,
    masks_of,
    messages_of,
    open_export,
    painted,
)

from projects.kmax.importing.classes import choose_classes
from projects.kmax.importing.source import ClassHint

CVAT = SAMPLES / 'cvat'
IMAGES = CVAT / 'images'


@pytest.fixture(scope='module')
def source():
    return open_export('cvat', CVAT / 'annotations.xml', IMAGES)


@pytest.fixture
def edit(tmp_path):
    """Return a function that replaces text of the XML and opens it."""
    path = copy_sample('cvat', tmp_path) / 'annotations.xml'

    def change(old, new):
        text = path.read_text(encoding='utf-8')
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding='utf-8')
        return open_export('cvat', path, IMAGES)

    return change


def test_the_sample_has_no_fault_and_what_has_no_area_is_told(source):
    assert messages_of(source) == []
    assert source.notes == ['annotations without an area are left out: 1 polyline, 1 tag']
    assert source.classes == [
        ClassHint('road', color=(128, 64, 128)),
        ClassHint('car', color=(0, 0, 142)),
    ]


def test_shapes_become_their_pixels_in_the_order_of_z(source):
    (_, road, _), (_, pair, _), (_, ball, _), (_, ellipse, _) = masks_of(source, STREET)
    assert np.array_equal(road, painted((0, 20, 40, 30)))
    assert np.array_equal(pair, painted((2, 12, 8, 18), (10, 12, 14, 18)))
    assert np.array_equal(ball, disc(24, 8, 5))
    assert_alike(ellipse, disc(29.5, 21.5, 3, 6))
    assert masks_of(source, 'field.png') == []


def test_a_turned_box_is_turned_about_its_middle(edit):
    source = edit('ybr="18.00" z_order="1" group_id="3"', 'ybr="18.00" rotation="90" z_order="1"')
    box = masks_of(source, STREET)[2][1]
    assert np.array_equal(box, painted((9, 13, 15, 17)))


def test_group_0_is_none(edit):
    source = edit('18.00" z_order="1" group_id="3"', '18.00" z_order="1" group_id="0"')
    assert len(masks_of(source, STREET)) == 5


def test_the_export_as_coco_asks_for_things():
    source = open_export('cvat', CVAT / 'coco' / 'annotations' / 'instances_default.json', IMAGES)
    (_, road, _), (_, ball, _) = masks_of(source, STREET)
    assert np.array_equal(road, painted((0, 20, 40, 30)))
    assert_alike(ball, disc(24, 8, 5))
    with pytest.raises(ValueError, match='give --things A,B,C .* the labels are car, road'):
        choose_classes(source.classes, None, None, source.others_are_things)


MASK = 'left="19" top="3" width="11" height="11"'
POLYGON = 'points="2.00,12.00;8.00,12.00;8.00,18.00;2.00,18.00"'
FAULTS = {
    'rle': (
        MASK,
        MASK.replace('height="11"', 'height="12"'),
        'mask 2 has an RLE of 121 pixels, but its part of the image is 11x12',
    ),
    'huge rle': (
        MASK,
        MASK.replace('width="11"', 'width="1000000"'),
        'mask 2 has a mask of 1000000x11 pixels, but its image is 40x30',
    ),
    'rle outside': (
        MASK,
        MASK.replace('left="19"', 'left="35"'),
        'mask 2 has a mask that reaches beyond the image of 40x30 pixels',
    ),
    'no number': (MASK, 'left="x"', 'mask 2 has left="x", which must be a number'),
    'infinite': (MASK, 'left="inf"', 'mask 2 has left="inf", which must be a number'),
    'missing': (MASK, '', 'mask 2 has left="None", which must be a number'),
    'words': ('rle="5,', 'rle="a,', 'mask 2 has an rle that is no list of whole numbers'),
    'polygon of text': (
        POLYGON,
        'points="1,2;x"',
        'polygon 0 has points that are not like "x1,y1;x2,y2"',
    ),
    'polygon of triples': (
        POLYGON,
        'points="1,2,3"',
        'polygon 0 has points that are not pairs of numbers',
    ),
    'label': ('<mask label="car"', '<mask', 'mask 2 has the label None, which must be a string'),
}


@pytest.mark.parametrize('case', FAULTS)
def test_a_faulty_shape_is_named(edit, case):
    old, new, expected = FAULTS[case]
    (message,) = messages_of(edit(old, new))
    assert message.endswith(expected) or expected in message
    assert f'annotations.xml, image {STREET}, ' in message


def test_faulty_polygons_of_a_group_are_each_named(edit):
    source = edit(POLYGON, 'points="2.00,12.00;8.00,12.00"')
    (message,) = messages_of(source)
    assert 'polygon 0 has a polygon of 2 points' in message


def test_an_image_without_a_name_or_a_size_is_named(edit):
    edit('name="field.png" ', '')
    no_width, no_name = messages_of(
        edit('width="40" height="30">\n    <polygon', '>\n    <polygon')
    )
    assert f'image {STREET} of ' in no_width and 'has width="None"' in no_width
    assert 'image number 1 of ' in no_name and no_name.endswith(' lacks a name')


def test_a_missing_image_is_named(edit):
    (message,) = messages_of(edit('field.png', 'meadow.png'))
    assert message.endswith('meadow.png does not exist')


REFUSED = {
    'video': ('<image id="0"', '<track id="0"/><image id="0"', 'is of "CVAT for video"'),
    'no XML': ('</annotations>', '', 'is no XML that can be read: '),
    'entities': (
        '<annotations>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><annotations>',
        'it declares a document type, which CVAT never does',
    ),
    'another': ('annotations>', 'other>', 'is no XML'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_what_is_no_export_for_images_is_refused(edit, case):
    old, new, expected = REFUSED[case]
    with pytest.raises(ValueError, match=expected):
        edit(old, new)


def test_another_xml_is_refused(tmp_path):
    path = tmp_path / 'a.xml'
    path.write_text('<annotation/>')
    with pytest.raises(ValueError, match='is no XML of CVAT, which begins with <annotations>'):
        open_export('cvat', path, IMAGES)
    path.write_text('<annotations/>')
    with pytest.raises(ValueError, match='has no images'):
        open_export('cvat', path, IMAGES)

"""Fields of a wrong type are listed, and training stops at them."""

import re
from operator import setitem

import pytest

from projects.kmax.panoptic.faults import FaultKind

JSON = r'.*panoptic_train\.json'


def _image(**fields):
    return lambda content: content['images'][2].update(fields)


def _annotation(**fields):
    return lambda content: content['annotations'][2].update(fields)


def _segment(**fields):
    return lambda content: content['annotations'][2]['segments_info'][1].update(fields)


SEGMENT = r'segment {} of image 3 \(03\.png\) in ' + JSON + ' has '
ANNOTATION = 'the annotation of image {} in ' + JSON + ' has '


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (_segment(id=7.5), SEGMENT.format('7.5') + '"id": 7.5, which must be a whole'),
        (_segment(id=None), SEGMENT.format('None') + '"id": null, which must be a whole'),
        (_segment(category_id=[2]), SEGMENT.format('5') + r'"category_id": \[2\], which'),
        (
            _segment(bbox=[1, float('nan')]),
            SEGMENT.format('5') + r'"bbox": \[1, NaN\], whi',
        ),
        (_segment(bbox=[1, None]), SEGMENT.format('5') + r'"bbox": \[1, null\], which'),
        (_segment(area='300'), SEGMENT.format('5') + '"area": "300", which must be a n'),
        (
            _segment(area=-1),
            SEGMENT.format('5') + '"area": -1, which must be a number from',
        ),
        (_segment(area=float('nan')), SEGMENT.format('5') + '"area": NaN, which must'),
        (_segment(area=float('inf')), SEGMENT.format('5') + '"area": Infinity, which'),
        (_segment(iscrowd=7), SEGMENT.format('5') + '"iscrowd": 7, which must be 0 or 1'),
        (_segment(iscrowd='0'), SEGMENT.format('5') + '"iscrowd": "0", which must be 0'),
        (
            _annotation(segments_info=[7]),
            r'segment number 0 of image 3 \(03\.png\) in ' + JSON + ' must be an object, but is 7',
        ),
        (
            _annotation(segments_info=None),
            ANNOTATION.format('3') + '"segments_info": null, which must be a list of objects',
        ),
        (_annotation(image_id=[3]), ANNOTATION.format(r'\[3\]') + r'"image_id": \[3\]'),
        (
            _annotation(file_name='a\\3.png'),
            ANNOTATION.format('3')
            + r'"file_name": "a\\\\3.png", which must be .* with "/" between',
        ),
        (_annotation(file_name=3), ANNOTATION.format('3') + '"file_name": 3, which must'),
        (
            lambda content: setitem(content['images'], 2, 7),
            'image number 2 of ' + JSON + ' must be an object, but is 7',
        ),
        (_image(id=3.5), r'image 03\.jpg of ' + JSON + ' has "id": 3.5, which must be'),
        (_image(width='30'), r'image 03\.jpg of ' + JSON + ' has "width": "30", which'),
        (_image(height=20.0), r'image 03\.jpg of ' + JSON + ' has "height": 20.0, which'),
        (_image(height=0), r'image 03\.jpg of ' + JSON + ' has "height": 0, which'),
        (
            _image(file_name='HTTPS://host/3.jpg'),
            'image HTTPS://host/3.jpg of ' + JSON + ' has "file_name": .*, and no URL',
        ),
        (_image(file_name=''), 'image  of ' + JSON + ' has "file_name": "", which must'),
        (
            _image(file_name='a\0.jpg'),
            'image a\0.jpg of ' + JSON + r' has "file_name": "a\\u0000.jpg", which must',
        ),
    ],
)
def test_wrong_types_are_listed_and_stop_training(change, message, plant, build, find_faults):
    plant.rewrite(change)
    printed, _ = find_faults()
    assert re.search(message, printed.partition(f'{FaultKind.WRONG_TYPE.value}: 1')[2])
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ('field', 'value', 'message'),
    [
        ('images', {}, r'"images" of panoptic JSON .* must be a list of objects'),
        ('categories', [1], r'"categories" of panoptic JSON .* must be a list of objects'),
        ('categories', [dict(id=1, name=None, isthing=1)], 'has "name": null, which must be a str'),
        ('categories', [dict(id=1, name='cat', isthing=2)], 'has "isthing": 2, which must be 0'),
        *(
            ('categories', [dict(id=1, name='cat', isthing=1, color=color)], 'has "color": .*three')
            for color in ('red', [1, 2], [0, 0, 256], [0.5, 0, 0])
        ),
        (
            'categories',
            [dict(id=1, name='cat', isthing=1), dict(id='b', name='sky', isthing=0)],
            "has category ids of two types, such as 'b' and 1",
        ),
        (
            'categories',
            [dict(id=i, name=f'c{i}', isthing=0) for i in range(1000)],
            'has 1000 classes, but panoptic predictions can tell no more than 999',
        ),
    ],
)
def test_wrong_types_of_the_whole_are_reported(field, value, message, plant, build, find_faults):
    plant.rewrite(lambda content: content.update({field: value}))
    printed, _ = find_faults()
    assert re.search(message, printed)
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize('num_images', [3])
@pytest.mark.parametrize('fields', [('area',), ('bbox',), ('area', 'bbox')])
def test_null_measures_are_none(fields, plant, build, check):
    for split in ('train', 'val'):
        plant.rewrite(
            lambda c: c['annotations'][0]['segments_info'][1].update(dict.fromkeys(fields)), split
        )
    assert check()[0] == 0
    assert build()[0]['gt_segment_labels'].tolist() == [0, 1]


@pytest.mark.parametrize('num_images', [3])
def test_ids_of_two_types_work_where_both_agree(plant, build, check):
    def rename(content):
        content['images'][1]['id'] = content['annotations'][1]['image_id'] = 'frame-b'

    plant.rewrite(rename)
    assert check()[0] == 0
    assert [record['img_id'] for record in build(pipeline=[])] == [1, 'frame-b', 3]


@pytest.mark.parametrize('num_images', [3])
def test_ids_that_differ_in_type_alone_are_explained(plant, build, check):
    plant.rewrite(lambda content: content['annotations'][1].update(image_id='2'))
    message = "belongs to image 2, which is not among its images: .* '2' here and 2 there, a number"
    assert re.search(message, check()[1])
    with pytest.raises(ValueError, match=message):
        build()

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
        (_segment(bbox=None), SEGMENT.format('5') + '"bbox": null, which must be a list'),
        (_segment(bbox=[1, None]), SEGMENT.format('5') + r'"bbox": \[1, null\], which'),
        (_segment(area='300'), SEGMENT.format('5') + '"area": "300", which must be a n'),
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
        (_annotation(file_name=3), ANNOTATION.format('3') + '"file_name": 3, which must'),
        (
            lambda content: setitem(content['images'], 2, 7),
            'image number 2 of ' + JSON + ' must be an object, but is 7',
        ),
        (_image(id=3.5), r'image 03\.jpg of ' + JSON + ' has "id": 3.5, which must be'),
        (_image(width='30'), r'image 03\.jpg of ' + JSON + ' has "width": "30", which'),
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
    ],
)
def test_wrong_types_of_the_whole_are_reported(field, value, message, plant, build, find_faults):
    plant.rewrite(lambda content: content.update({field: value}))
    printed, _ = find_faults()
    assert re.search(message, printed)
    with pytest.raises(ValueError, match=message):
        build()

"""Annotations that are wrong in themselves: the JSON, its records and their fields."""

import os

from kinds import kind, kinds
from panoptic_data import (
    PATH,
    TRAIN,
    VAL,
    edit_both,
    edit_text,
    refused_everywhere,
    segment_of,
    works_everywhere,
)

from projects.kmax.evaluation import pq_compute

AREA = 'annotations'
JSON = f'panoptic JSON {PATH} '
BROKEN = JSON + 'is not valid JSON: '
IMAGE = rf'image 1\.png of {PATH} '
ANNOTATION = f'the annotation of image 1 in {PATH} '
SEGMENT = rf'segment 300 of image 1 \(1\.png\) in {PATH} '
CATEGORY = f'category 1 of {PATH} '


def change_file(place, change, message):
    for name in (TRAIN, VAL):
        change(place.path(name))
    refused_everywhere(place, message)
    with place.raises((ValueError, OSError), message):
        pq_compute(VAL, VAL)


def in_place_of(make):
    def change(path):
        path.unlink()
        make(path)

    return change


kinds(
    AREA,
    [
        ('an empty JSON', lambda path: path.write_bytes(b''), BROKEN),
        ('a truncated JSON', lambda path: os.truncate(path, 700), BROKEN),
        ('a compressed JSON', lambda path: path.write_bytes(b'\x1f\x8b\x08\0'), BROKEN + '.*utf-8'),
        ('a JSON of null bytes', lambda path: path.write_bytes(bytes(400)), BROKEN),
        ('JSON lines', lambda path: path.write_text('{}\n{}\n'), BROKEN + 'Extra data'),
        ('a JSON nested too deeply', lambda path: path.write_text('[' * 10**5), BROKEN + 'it is n'),
        ('a JSON that is a list', lambda path: path.write_text('[]'), JSON + 'must hold an object'),
        ('no JSON', os.unlink, JSON + 'does not exist'),
        ('a folder as JSON', in_place_of(os.mkdir), 'cannot be read: .* is a folder'),
        ('a named pipe as JSON', in_place_of(os.mkfifo), 'cannot be read: .* is a named pipe'),
        (
            'a device as JSON',
            in_place_of(lambda path: path.symlink_to('/dev/zero')),
            'cannot be read: .* is a device',
        ),
        (
            'a link to itself as JSON',
            in_place_of(lambda path: path.symlink_to(path.name)),
            f'{JSON}cannot be read: .*links',
        ),
    ],
    change_file,
)


def change_text(place, old, new, message, encoding='utf-8'):
    edit_text(place, old, new, encoding)
    refused_everywhere(place, message)


kinds(
    AREA,
    [
        ('a JSON in Latin-1', '"car"', '"caf\xe9"', BROKEN + '.*utf-8', 'latin-1'),
        ('a comma too many', '[', '[,', BROKEN),
        ('a comment in a JSON', '{', '{// mine\n', BROKEN),
        ('a number of 5000 digits', '"id": 1,', f'"id": {"9" * 5000},', BROKEN + '.*digits'),
        (
            'a field twice in one object',
            '"iscrowd": 0',
            '"iscrowd": 1, "iscrowd": 0',
            BROKEN + 'the field "iscrowd" stands twice',
        ),
    ],
    change_text,
)


def recode(place, encoding, mark):
    for name in (TRAIN, VAL):
        path = place.path(name)
        path.write_bytes(mark + path.read_text().encode(encoding))
    works_everywhere(place)
    pq_compute(VAL, VAL)


kinds(
    AREA,
    [
        ('a byte order mark of UTF-8', 'utf-8', b'\xef\xbb\xbf'),
        ('a JSON in UTF-16', 'utf-16', b''),
        ('a JSON in UTF-32 without a mark', 'utf-32-le', b''),
    ],
    recode,
)


def change_content(place, change, message):
    edit_both(place, change)
    refused_everywhere(place, message)


def set_image(**values):
    return lambda content: content['images'][0].update(values)


def set_annotation(**values):
    return lambda content: content['annotations'][0].update(values)


def set_segment(**values):
    return lambda content: segment_of(content).update(values)


def set_category(**values):
    return lambda content: content['categories'][0].update(values)


def drop(*keys):
    def change(content):
        *path, last = keys
        for key in path:
            content = content[key]
        del content[last]

    return change


def twice(field):
    return lambda content: content[field].append(content[field][0])


def set_whole(field, value):
    return lambda content: content.update({field: value})


# The whole.
kinds(
    AREA,
    [
        ('no field "images"', drop('images'), JSON + r"lacks the fields \['images'\]"),
        ('no field "annotations"', drop('annotations'), JSON + r"lacks the fields \['annot"),
        ('no field "categories"', drop('categories'), JSON + r"lacks the fields \['categ"),
        ('images that are null', set_whole('images', None), 'the "images" of panoptic JSON'),
        ('annotations by id', set_whole('annotations', {'1': {}}), '"annotations" must be a list'),
        ('categories by name', set_whole('categories', ['car', 'road']), 'the "categories" of'),
        ('no images', lambda c: c.update(images=[], annotations=[]), f'no image of {PATH} is left'),
        ('annotations of instances', set_whole('annotations', [dict(segmentation=[])]), 'instead'),
        ('captions', set_whole('annotations', [dict(caption='a car')]), 'have "caption" instead'),
        ('a null among the images', lambda c: c['images'].append(None), 'must be an object'),
        ('no categories', set_whole('categories', []), r'unknown category 9; known are \[\]'),
    ],
    change_content,
)
# Images.
kinds(
    AREA,
    [
        ('an image without an id', drop('images', 0, 'id'), IMAGE + "lacks the fields .'id'"),
        ('an image without a name', drop('images', 0, 'file_name'), "lacks the fields .'file_name"),
        ('a height that is a string', set_image(height='48'), IMAGE + 'has "height": "48"'),
        ('a width that is a fraction', set_image(width=64.5), IMAGE + 'has "width": 64.5'),
        ('a height of 0', set_image(height=0), IMAGE + 'has "height": 0'),
        ('a width that is true', set_image(width=True), IMAGE + 'has "width": true'),
        ('a height that is null', set_image(height=None), IMAGE + 'has "height": null'),
        ('an image id that is a fraction', set_image(id=1.0), IMAGE + 'has "id": 1.0'),
        ('an image id that is a list', set_image(id=[1]), IMAGE + r'has "id": \[1\]'),
        ('two images of one id', twice('images'), f'{PATH} has several images with the id 1'),
        (
            'image ids of two types',
            set_image(id='1'),
            "image 1, which is not among its images: the id is 1 here and '1' there",
        ),
        ('an image without annotation', drop('annotations', 0), r'image 1 \(1\.png\) of .* has no'),
        ('an annotation without image', drop('images', 0), 'belongs to image 1, which is not'),
    ],
    change_content,
)
# Annotations and segments.
kinds(
    AREA,
    [
        ('two annotations of an image', twice('annotations'), f'image 1 of {PATH} has two annot'),
        ('an annotation without image_id', drop('annotations', 0, 'image_id'), "lacks .'image_id"),
        ('an annotation without a name', drop('annotations', 0, 'file_name'), "lacks .'file_name"),
        (
            'an annotation without segments_info',
            drop('annotations', 0, 'segments_info'),
            ANNOTATION + r"lacks \['segments_info'\]",
        ),
        ('segments_info that is null', set_annotation(segments_info=None), 'must be a list of obj'),
        ('segments by id', set_annotation(segments_info={'5': 1}), 'must be a list of objects'),
        ('a segment that is a number', set_annotation(segments_info=[5]), 'must be an object, but'),
        ('a segment without id', drop('annotations', 0, 'segments_info', 0, 'id'), "fields .'id'"),
        (
            'a segment without category',
            drop('annotations', 0, 'segments_info', 0, 'category_id'),
            SEGMENT + "lacks the fields .'category_id'",
        ),
        ('a segment id that is a string', set_segment(id='300'), r'has "id": "300", which must'),
        ('a segment id of void', set_segment(id=0), 'must have an id between 1 and 16777215'),
        ('a segment id that no PNG can hold', set_segment(id=2**24), 'between 1 and 16777215'),
        ('a segment id that is a colour', set_segment(id=[44, 1, 0]), 'which must be a whole num'),
        ('two segments of one id', set_segment(id=70000), 'shares its id with another'),
        ('an unknown category', set_segment(category_id=8), SEGMENT + 'has the unknown category 8'),
        ('a category by its name', set_segment(category_id='sky'), 'the unknown category sky'),
        ('a category that is a fraction', set_segment(category_id=9.0), '"category_id": 9.0'),
        ('iscrowd 7', set_segment(iscrowd=7), SEGMENT + 'has "iscrowd": 7, which must be 0 or 1'),
        ('iscrowd that is a string', set_segment(iscrowd='0'), 'has "iscrowd": "0"'),
        ('an area that is NaN', set_segment(area=float('nan')), SEGMENT + 'has "area": NaN'),
        ('an infinite area', set_segment(area=float('inf')), SEGMENT + 'has "area": Infinity'),
        ('a negative area', set_segment(area=-1280), SEGMENT + 'has "area": -1280'),
        ('an area that is a string', set_segment(area='1280'), SEGMENT + 'has "area": "1280"'),
        ('a bbox that is a string', set_segment(bbox='0 0 64 20'), SEGMENT + 'has "bbox": "0 0'),
        ('a bbox with NaN', set_segment(bbox=[0, 0, float('nan'), 20]), r'has "bbox": \[0, 0, NaN'),
        ('a bbox of nested lists', set_segment(bbox=[[0, 0], [64, 20]]), r'has "bbox": \[\[0'),
    ],
    change_content,
)
# Categories.
kinds(
    AREA,
    [
        ('a category without id', drop('categories', 0, 'id'), 'has no field "id"'),
        ('a category without name', drop('categories', 0, 'name'), 'has no field "name"'),
        ('a category without isthing', drop('categories', 0, 'isthing'), 'no field "isthing"'),
        ('isthing 2', set_category(isthing=2), CATEGORY + 'has "isthing": 2, which must be 0 or 1'),
        ('isthing that is text', set_category(isthing='yes'), CATEGORY + 'has "isthing": "yes"'),
        ('a name that is a number', set_category(name=3), CATEGORY + 'has "name": 3'),
        ('a colour by its name', set_category(color='blue'), CATEGORY + 'has "color": "blue"'),
        (
            'a colour from 0 to 1',
            set_category(color=[0, 0.5, 1]),
            CATEGORY + r'has "color": \[0, 0',
        ),
        ('a colour above 255', set_category(color=[0, 0, 256]), CATEGORY + 'has "color"'),
        ('a colour of four parts', set_category(color=[0, 0, 1, 1]), CATEGORY + 'has "color"'),
        ('two categories of one id', set_category(id=2), 'several categories with the id 2'),
        ('two categories of one name', set_category(name='person'), "with the name 'person'"),
        ('names that differ in spaces', set_category(name=' person '), "with the name 'person'"),
        ('category ids of two types', set_category(id='1'), 'category ids of two types'),
        (
            'more classes than the model',
            lambda c: c['categories'].append(dict(id=20, name='tree', isthing=0)),
            'has 2 thing and 3 stuff classes',
        ),
        ('things taken for stuff', set_category(isthing=0), 'has 1 thing and 3 stuff classes'),
        (
            'more than 999 classes',
            lambda c: c['categories'].extend(
                dict(id=n, name=f'tree {n}', isthing=0) for n in range(20, 1020)
            ),
            'no more than 999',
        ),
    ],
    change_content,
)


@kind(AREA, 'null areas and boxes are absent ones')
def null_measures(place):
    edit_both(place, set_segment(area=None, bbox=None))
    works_everywhere(place)
    assert pq_compute(VAL, VAL)['All']['pq'] == 1


@kind(AREA, 'image ids that are strings throughout')
def string_ids(place):
    def change(content):
        for image, annotation in zip(content['images'], content['annotations'], strict=True):
            image['id'] = annotation['image_id'] = f'frame {image["id"]}'

    edit_both(place, change)
    works_everywhere(place)


@kind(AREA, 'missing areas and boxes are absent ones')
def no_measures(place):
    for field in ('area', 'bbox'):
        edit_both(place, drop('annotations', 0, 'segments_info', 0, field))
    works_everywhere(place)
    assert pq_compute(VAL, VAL)['All']['pq'] == 1

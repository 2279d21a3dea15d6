"""All faults of labels are listed at once, with file and object, and nothing is written."""

import re

import numpy as np
import pytest
from outlines import box
from PIL import Image

RLE = dict(size=[10, 10], counts=[50, 50])


def listed(printed):
    """Return the messages of each kind of fault."""
    found = {}
    for line in printed.splitlines():
        title = re.fullmatch(r'(\S.*): \d+', line)
        if title:
            messages = found[title[1]] = []
        elif line.startswith('  '):
            messages.append(line.strip())
    return found


def test_faults_of_instances(tool, instances, tmp_path):
    """One of each, in one run."""
    faulty = [
        dict(segmentation=[[1, 1, 5, 5]]),
        dict(segmentation=box(100, 100, 120, 120)),
        dict(segmentation=RLE),
        dict(segmentation=[]),
        dict(segmentation=dict(size=[24, 32], counts='~~')),
        dict(segmentation=dict(size=[24, 32], counts=[1, 2])),
        dict(segmentation=[['a', 1, 2, 3, 4, 5]]),
        dict(segmentation=box(1, 1, 9, 9), category_id=7),
        dict(segmentation=box(1, 1, 9, 9), image_id=70),
    ]
    path = instances(faulty, names=('1.png', '2.png', 'größer.png'))
    (tmp_path / 'images' / '2.png').unlink()
    (tmp_path / 'images' / 'größer.png').write_bytes(b'no image')
    words = ('instances', path, tmp_path / 'out', '--image-dir', tmp_path / 'images')
    printed = tool(*words, fails=True)
    assert printed.endswith('11 faults, see above; nothing was written')
    found = listed(printed)
    first = f'{path}, annotation 1 of 1.png '
    masks = found['faulty mask']
    assert sorted(
        re.sub(r'.*annotation (\d).*?(has .*)', r'\1 \2', text)[:40] for text in masks
    ) == [
        '1 has a polygon of 2 points: it needs th',
        '2 has a polygon outside of the image of ',
        '3 has an RLE of 10x10 pixels, but its im',
        '4 has no segmentation: draw one, or dele',
        '5 has a damaged RLE',
        '6 has an RLE of 3 pixels, but its image ',
        '7 has a polygon that is no list of numbe',
    ]
    assert any(text.startswith(first) for text in masks)
    assert found['unknown category'] == [
        f'annotation 8 of image 1 in {path} has the category 7, which is not among its categories'
    ]
    assert found['annotation without image'] == [
        f'annotation 9 of {path} belongs to image 70, which it lacks'
    ]
    (missing,), (broken,) = found['missing image'], found['unreadable image']
    assert missing == f'image 2.png of {path}: {tmp_path}/images/2.png does not exist'
    assert 'größer.png cannot be read' in broken
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('changes', 'kind', 'message'),
    [
        (
            dict(categories=[dict(id=1, name='cat'), dict(id=2, name=' cat')]),
            'faulty categories',
            "several categories with the name 'cat'",
        ),
        (
            dict(categories=[dict(id=1, name='cat', isthing='false')]),
            'faulty categories',
            """has "isthing": 'false': it must be 0 or 1""",
        ),
        (
            dict(images=[dict(id=i, file_name='1.png', height=24, width=32) for i in (1, 2)]),
            'duplicate image id',
            '2 images with the file name 1.png',
        ),
        (
            dict(images=[dict(id=1, file_name='1.png', height=32, width=24)]),
            'JSON and image of different sizes',
            'is 32x24 pixels, but image 1.png of .* says 24x32; the image may have an EXIF',
        ),
        (
            dict(images=[dict(id=1, file_name='../1.png', height=24, width=32)]),
            'field of a wrong type',
            'leads out of the folder',
        ),
    ],
)
def test_faults_of_records(tool, instances, tmp_path, changes, kind, message):
    path = instances([dict(segmentation=box(1, 1, 9, 9))], **changes)
    words = ('instances', path, tmp_path / 'out', '--image-dir', tmp_path / 'images')
    found = listed(tool(*words, fails=True))
    assert re.search(message, found[kind][0])


def test_classes_that_differ(tool, instances, write, tmp_path):
    path = instances([dict(segmentation=box(1, 1, 9, 9))])
    other = path.read_text().replace('dog', 'perro').replace('"cat"', '"cat", "isthing": 0')
    words = ('instances', path, tmp_path / 'out', '--image-dir', tmp_path / 'images')
    found = listed(tool(*words, '--val', write('val.json', other), fails=True))
    assert found['faulty categories'] == [
        'class dog is listed for train, but not for val',
        'class perro is listed for val, but not for train',
    ]


def test_labels_that_the_yaml_does_not_know_or_contradicts(tool, instances, write, tmp_path):
    path = instances(
        [dict(segmentation=box(1, 1, 9, 9)), dict(segmentation=box(1, 1, 9, 9), category_id=2)],
        categories=[dict(id=1, name='cat', isthing=1), dict(id=2, name='dog')],
    )
    classes = write('c.yaml', 'classes: [{name: cat, isthing: false}]')
    words = ('instances', path, tmp_path / 'out', '--image-dir', tmp_path / 'images')
    found = listed(tool(*words, '--classes', classes, fails=True))
    assert found['unknown category'] == [
        f'{path}, annotation 2 of 1.png is of "dog", which is neither a class nor ignored in '
        f'{classes}'
    ]
    assert found['faulty categories'] == [
        f'class cat is one of things in the labels, but stuff in {classes}'
    ]


def test_faults_of_label_maps(tool, images, write, tmp_path):
    folder = images('a.png', 'b.png', 'b.jpg', 'c.png', 'd.png', 'no label.png')
    values = np.zeros((24, 32), np.uint8)
    for name in ('a.png', 'a.tif', 'b.png', 'lonely.png'):
        write(f'maps/{name}', values)
    write('maps/c.png', values[:20])
    (tmp_path / 'maps' / 'd.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    write('images/photo.png', np.zeros((40, 40, 3), np.uint8))
    write('maps/photo.png', np.arange(1600).reshape(40, 40).astype(np.uint16))
    words = ('semantic', tmp_path / 'maps', tmp_path / 'out', '--image-dir', folder)
    printed = tool(*words, '--things', '', fails=True)
    found = listed(printed)
    assert [text.split(' has ')[1] for text in found['image and label map that do not pair']] == [
        'several images called b: b.jpg, b.png',
        'several label maps called a: a.png, a.tif',
    ]
    assert found['missing image'] == [
        f'label map {tmp_path}/maps/lonely.png has no image lonely in {folder}'
    ]
    assert f'{tmp_path}/maps/c.png is 32x20 pixels, but its image is 32x24' in printed
    damaged, photographed = found['unreadable panoptic PNG']
    assert damaged.startswith(f'label map {tmp_path}/maps/d.png cannot be read')
    assert 'values, but no more than 999 classes can be' in photographed
    inside = ('semantic', tmp_path / 'maps', folder / 'out', '--image-dir', folder)
    assert f'out is in the folder of the images, {folder}' in tool(*inside, fails=True)


def test_overlaps_as_faults(tool, instances, tmp_path):
    path = instances(
        [dict(segmentation=box(0, 0, 10, 10)), dict(segmentation=box(5, 5, 15, 15), category_id=2)]
    )
    words = ('instances', path, tmp_path / 'out', '--image-dir', tmp_path / 'images')
    found = listed(tool(*words, '--overlap', 'error', fails=True))
    first, second = (f'{path}, annotation {number} of 1.png' for number in (1, 2))
    assert found['overlapping objects'] == [f'{first} and {second} overlap by 25 pixels']


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--things', 'cat,bird'], r'--things names bird: the labels are cat, dog$'),
        (['--split', '1'], r"--split: must be from 0 to less than 1, such as 0.1, not '1'"),
        (['--group-by', '('], r"--group-by: '\(' is no regular expression"),
        (['--group-by', r'(\d\d\d)'], r'finds no group in the file name 1.png'),
        (['--divisor', '7'], '--divisor is for masks'),
        (['--val-image-dir', '.'], '--val-image-dir needs --val'),
        (['--val', 'absent.json'], '--val: absent.json does not exist'),
        (['--split', '0.3'], 'there is one image; nothing can be split, give --split 0 or --val'),
    ],
)
def test_options(tool, instances, tmp_path, words, message):
    path = instances([dict(segmentation=box(1, 1, 9, 9))])
    base = ('instances', path, tmp_path / 'out', '--image-dir', tmp_path / 'images')
    assert re.search(message, tool(*base, *words, fails=True))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('classes: [{name: on, isthing: true}]', 'has the name True, which must be text'),
        ('classes: [{name: cat}]', r'\(cat\) must have isthing: true or isthing: false'),
        ('classes: [{name: cat, isthing: true, od: 1}]', r"unknown fields \['od'\]"),
        ('classes: [{name: cat, isthing: true, color: [1, 2]}]', r'color: \[1, 2\], not'),
        ('classes: [{name: a, isthing: true}, {name: a, isthing: true}]', 'several .* the name a'),
        ('classes: [{name: a, isthing: true}]\nrename: {b: c}', '"rename" of .* must lead'),
        ('things: [a]', 'must have "classes"'),
        ('classes: [', 'is no YAML'),
        ('classes: []', 'has 0 classes'),
    ],
)
def test_yaml(tool, instances, write, tmp_path, text, message):
    path = instances([dict(segmentation=box(1, 1, 9, 9))])
    classes = write('c.yaml', text)
    words = ('instances', path, tmp_path / 'out', '--image-dir', tmp_path / 'images')
    line = tool(*words, '--classes', classes, fails=True)
    assert str(classes) in line and re.search(message, line)


def test_things_are_asked_for(tool, images, write, tmp_path):
    folder = images('a.png')
    write('maps/a.png', np.arange(24 * 32).reshape(24, 32).astype(np.uint8) % 3)
    words = ('semantic', tmp_path / 'maps', tmp_path / 'out', '--image-dir', folder)
    line = tool(*words, fails=True)
    assert 'nothing tells things from stuff: give --things A,B,C' in line
    assert line.endswith('or --classes FILE; the labels are 0, 1, 2')


def test_values_without_names_beside_named_classes(tool, instances, write, tmp_path):
    path = instances([dict(segmentation=box(1, 1, 9, 9))], names=('1.png',))
    write('maps/1.png', np.full((24, 32), 5, np.uint8))
    words = ('instances', path, tmp_path / 'maps', tmp_path / 'out')
    line = tool(*words, '--image-dir', tmp_path / 'images', fails=True)
    assert 'the label maps hold the values 5, which no name stands for: give --classes' in line


@pytest.mark.parametrize(
    'annotations',
    [
        [],
        [dict(segmentation=[[1, 1, 1, 1, 1, 1]]), dict(segmentation=[[9, 9, 9, 20, 9, 9]])],
        [dict(segmentation=dict(size=[24, 32], counts=[24 * 32]))],
    ],
)
def test_nothing_to_import(tool, instances, tmp_path, annotations):
    """No label, polygons of which none covers a pixel, and an empty RLE."""
    path = instances(annotations)
    out = tmp_path / 'data' / 'sets' / 'out'
    line = tool('instances', path, out, '--image-dir', tmp_path / 'images', fails=True)
    assert line.endswith(f'no image of {path} has a label with a pixel')
    assert sorted(each.name for each in tmp_path.iterdir()) == ['images', 'instances.json']


def test_one_fault_hides_no_other(tool, images, write, tmp_path):
    """A shape that cannot be read, faulty masks in and out of a group, and an unknown label."""
    images('1.png')
    points = [[[1, 1], [2, 2]], [[50, 50], [60, 50], [60, 60]], [[1, 1], [1e9, 2], [3, 9]]]
    shapes = [dict(label='cat', points=each) for each in points]
    shapes += [dict(label='bird', points=points[1], group_id=1), dict(label='', points=points[1])]
    shapes += [dict(label='bird', points=[[1, 1], [9, 1], [9, 9]], group_id=1)]
    shapes += [dict(label='fish', points=[[1, 1], [9, 1], [9, 9]])]
    path = write('labels/1.json', dict(shapes=shapes, imagePath='../images/1.png'))
    classes = write('c.yaml', 'classes: [{name: cat, isthing: true}]')
    words = ('labelme', path.parent, tmp_path / 'out', '--classes', classes)
    found = listed(tool(*words, fails=True))
    assert sorted(text.removeprefix(f'{path}, shape ')[:45] for text in found['faulty mask']) == [
        '0 has a polygon of 2 points: it needs three o',
        '1 has a polygon outside of the image of 32x24',
        '2 has a polygon that leads far out of the ima',
        '3 has a polygon outside of the image of 32x24',
        "4 has the label '', which must be a string wi",
    ]
    assert [text[len(f'{path}, shape ') :][:14] for text in found['unknown category']] == [
        '3 is of "bird"',
        '6 is of "fish"',
    ]


def test_both_maps_of_an_image_are_looked_at(tool, images, write, tmp_path):
    folder = images('1.png')
    write('classes/1.png', np.zeros((20, 32), np.uint8))
    write('instances/1.png', np.zeros((24, 30), np.uint8))
    words = ('masks', tmp_path / 'classes', tmp_path / 'instances', tmp_path / 'out')
    found = listed(tool(*words, '--image-dir', folder, fails=True))
    assert found['image and panoptic PNG of different sizes'] == [
        f'{tmp_path}/classes/1.png is 32x20 pixels, but its image is 32x24',
        f'{tmp_path}/instances/1.png is 30x24 pixels, but its image is 32x24',
    ]


def test_faults_of_maps_beside_instances(tool, instances, write, tmp_path):
    path = instances([dict(segmentation=[[1, 1, 5, 5]])])
    write('maps/1.png', np.zeros((20, 32), np.uint8))
    for name in ('2.png', '2.tif'):
        write(f'maps/{name}', np.zeros((24, 32), np.uint8))
    words = ('instances', path, tmp_path / 'maps', tmp_path / 'out')
    found = listed(tool(*words, '--image-dir', tmp_path / 'images', fails=True))
    assert found['image and panoptic PNG of different sizes'] == [
        f'{tmp_path}/maps/1.png is 32x20 pixels, but its image is 32x24'
    ]
    assert 'annotation 1 of 1.png has a polygon of 2 points' in found['faulty mask'][0]
    assert found['image and label map that do not pair'] == [
        f'{tmp_path}/maps has several label maps called 2: 2.png, 2.tif'
    ]


def test_faulty_records_are_listed_once(tool, instances, tmp_path):
    """What belongs to a faulty image or category is no fault of its own."""
    images = [
        dict(id=1, file_name='1.png', height=24),
        dict(id=2, file_name=3, height=24, width=32),
    ]
    labels = [dict(image_id=n, category_id=n, segmentation=box(1, 1, 9, 9)) for n in (1, 2)]
    path = instances(labels, images=images, categories=[dict(id=1, name='cat'), dict(id=2)])
    words = ('instances', path, tmp_path / 'out', '--image-dir', tmp_path / 'images')
    found = listed(tool(*words, fails=True))
    assert {kind: len(messages) for kind, messages in found.items()} == {
        'missing field': 1,
        'field of a wrong type': 1,
        'faulty categories': 1,
    }


@pytest.mark.parametrize('crowd', ['0', 2, 0.5])
def test_what_is_no_flag_is_no_crowd(tool, instances, tmp_path, crowd):
    path = instances([dict(segmentation=box(1, 1, 9, 9), iscrowd=crowd)])
    words = ('instances', path, tmp_path / 'out', '--image-dir', tmp_path / 'images')
    assert listed(tool(*words, fails=True))['field of a wrong type'] == [
        f'annotation 1 of image 1 in {path} has "iscrowd": {crowd!r}, which must be 0 or 1'
    ]


def test_truncated_and_damaged_images(tool, images, write, tmp_path):
    """As copies that were broken off are; all of them begin as images do."""
    folder = images('a.png', 'b.jpg', 'c.png', 'd.png')
    for name in 'abcd':
        write(f'maps/{name}.png', np.ones((24, 32), np.uint8))
    for name in ('a.png', 'b.jpg'):
        path = folder / name
        path.write_bytes(path.read_bytes()[:-3])
    content = (folder / 'c.png').read_bytes()
    at = content.index(b'IDAT') + 10
    changed = bytes([content[at] ^ 1])
    (folder / 'c.png').write_bytes(content[:at] + changed + content[at + 1 :])
    words = ('semantic', tmp_path / 'maps', tmp_path / 'out', '--image-dir', folder)
    found = listed(tool(*words, '--things', '', fails=True))
    assert found['unreadable image'] == [
        f'{tmp_path}/maps/a.png: {folder}/a.png cannot be read: the file is truncated',
        f'{tmp_path}/maps/b.png: {folder}/b.jpg cannot be read: the file is truncated',
        f'{tmp_path}/maps/c.png: {folder}/c.png cannot be read: the file is damaged: its IDAT has '
        'a wrong CRC',
    ]


def test_numbers_below_0_are_no_labels(tool, images, tmp_path):
    folder = images('a.png')
    (tmp_path / 'maps').mkdir()
    Image.fromarray(np.full((24, 32), -4, np.int32)).save(tmp_path / 'maps' / 'a.tif')
    words = ('semantic', tmp_path / 'maps', tmp_path / 'out', '--image-dir', folder)
    found = listed(tool(*words, '--things', '', fails=True))
    assert found['unreadable panoptic PNG'] == [
        f'{tmp_path}/maps/a.tif holds -4: labels are numbers from 0 on'
    ]


def test_the_folder_of_the_labels_is_not_written_to(tool, images, write, tmp_path):
    """A second run would read what the first one wrote."""
    images('1.png')
    path = write('labels/1.json', dict(shapes=[], imagePath='../images/1.png'))
    line = tool('labelme', path.parent, path.parent / 'out', '--things', '', fails=True)
    assert f'OUT: {path.parent}/out is in {path.parent}, which is read: give another' in line


@pytest.mark.parametrize(
    ('change', 'kind', 'message'),
    [
        (dict(image_id=[1]), 'field of a wrong type', r'"image_id": \[1\], which must be'),
        (dict(segments_info=3), 'field of a wrong type', '"segments_info": 3, which must be'),
        (dict(file_name='../a.png'), 'field of a wrong type', 'leads out of the folder'),
        (dict(segments_info=[dict(id=1)]), 'missing field', 'a missing or wrong field'),
        (
            dict(segments_info=[dict(id=1, category_id=9)]),
            'unknown category',
            'has the category 9, which is not known',
        ),
        (
            dict(segments_info=[dict(id=1, category_id=1, isthing=False)]),
            'faulty categories',
            'has the id 1 and "isthing": False, but its class cat is one of things',
        ),
        (
            dict(segments_info=[dict(id=2, category_id=1)]),
            'JSON id missing from the PNG',
            'has no pixel of id 2',
        ),
    ],
)
def test_faults_of_panoptic_rows(tool, images, write, tmp_path, change, kind, message):
    folder = images('a.png')
    pixels = np.zeros((24, 32, 3), np.uint8)
    pixels[..., 2] = 1
    write('masks/a.png', pixels)
    row = dict(id=1, category_id=1, iscrowd=0, area=None)
    content = dict(
        images=[dict(id=1, file_name='a.png', height=24, width=32)],
        annotations=[dict(image_id=1, file_name='a.png', segments_info=[row]) | change],
        categories=[dict(id=1, name='cat', isthing=1)],
    )
    words = ('coconut', write('rows.json', content), tmp_path / 'masks', tmp_path / 'out')
    found = listed(tool(*words, '--image-dir', folder, fails=True))
    assert re.search(message, found[kind][0])


def test_panoptic_rows_without_categories(tool, images, write, tmp_path):
    folder = images('a.png')
    write('masks/a.png', np.ones((24, 32), np.uint8))
    content = dict(
        images=[dict(id=1, file_name='a.png', height=24, width=32)],
        annotations=[
            dict(image_id=1, file_name='a.png', segments_info=[dict(id=1, category_id=5)])
        ],
    )
    path = write('rows.json', content)
    words = ('coconut', path, tmp_path / 'masks', tmp_path / 'out', '--image-dir', folder)
    line = tool(*words, fails=True)
    assert f'{path} lists no categories, and as no segment has the category 0' in line

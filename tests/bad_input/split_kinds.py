"""File names that lead elsewhere, and training and validation that do not fit together."""

import os
import shutil

from annotation_kinds import drop, set_annotation, set_image
from image_kinds import refused_at
from kinds import kind, kinds
from panoptic_data import (
    CHECK,
    TEST,
    TRAIN,
    TRAINING,
    VAL,
    edit_both,
    refused_everywhere,
    works_everywhere,
)

AREA = 'annotations'
NO_NAME = 'which must be a string: the name of a file'


def name_image(place, name, message, of_record=False):
    edit_both(place, set_image(file_name=name))
    (refused_everywhere if of_record else refused_at)(place, message)


def name_png(place, name, message, of_record=False):
    edit_both(place, set_annotation(file_name=name))
    (refused_everywhere if of_record else refused_at)(place, message)


NAMES = [
    ('empty', '', NO_NAME, True),
    ('with a backslash', 'city\\1.png', NO_NAME, True),
    ('that is a URL', 'http://images.cocodataset.org/1.png', NO_NAME, True),
    ('with a null character', '1.png\0', NO_NAME, True),
    ('that is a number', 1, NO_NAME, True),
    ('that is a list', ['1.png'], NO_NAME, True),
    ('longer than the system allows', 'a' * 300 + '.png', 'File name too long'),
    ('with half a character', '\ud83d.png', NO_NAME, True),
    ('with a byte that is no text', '\udcff.png', r'No such file|does not exist'),
    ('with a line break', '1\n.png', r'No such file|does not exist'),
    ('in other letters', '1.PNG', r'No such file|does not exist'),
    ('of a folder', '../train', 'is a folder, not a file'),
    ('of a folder that is a file', '1.png/1.png', 'Not a directory'),
    ('of a device', '/dev/zero', 'is a device, not a file'),
]
kinds(AREA, [(f'a name of an image {name}', *given) for name, *given in NAMES], name_image)
kinds(AREA, [(f'a name of a PNG {name}', *given) for name, *given in NAMES], name_png)


@kind(AREA, 'absolute names are read')
def absolute(place):
    for split, name in (('train', TRAIN), ('val', VAL)):
        for field, folder in (('images', split), ('annotations', f'panoptic_{split}')):
            where = str(place.path(f'data/{folder}/1.png'))
            place.edit_json(name, lambda c, f=field, w=where: c[f][0].update(file_name=w))
    works_everywhere(place)


LEAK = 'is the same as image'


def share_image(place, share):
    target = place.path('data/val/1.png')
    target.unlink()
    share(place.path('data/train/1.png'), target)
    place.command(*TRAINING).works(LEAK)
    place.command(*CHECK).reported(LEAK)
    place.command(*TEST).works()


kinds(
    AREA,
    [
        ('an image of validation that training has', shutil.copy),
        ('a link to an image of training', lambda old, new: new.symlink_to(old)),
        ('a hard link to an image of training', lambda old, new: os.link(old, new)),
    ],
    share_image,
)


@kind(AREA, 'a renamed image of training')
def renamed(place):
    shutil.copy(place.path('data/train/3.png'), place.path('data/val/other.png'))
    place.edit_json(VAL, set_image(file_name='other.png'))
    works_everywhere(place, LEAK)


@kind(AREA, 'the images of training under another JSON')
def same_folder(place):
    shutil.copy(place.path(TRAIN), place.path('data/copy.json'))
    place.edit_config(
        "val_dataloader['dataset'].update(\n"
        "    ann_file='copy.json', data_prefix=dict(img='train/', seg='panoptic_train/'))\n"
        "val_evaluator.update(ann_file='data/copy.json', seg_prefix='data/panoptic_train/')"
    )
    works_everywhere(place, LEAK)


CONCAT = """
both = [
    dict(
        train_dataloader['dataset'], type='KMaXPanopticDataset', ann_file=f'panoptic_{name}.json',
        data_prefix=dict(img=f'{name}/', seg=f'panoptic_{name}/'),
    )
    for name in ('train', 'val')
]
train_dataloader['dataset'] = dict(_delete_=True, type='ConcatDataset', datasets=both)
"""


@kind(AREA, 'the file of validation in a ConcatDataset')
def concat(place):
    place.edit_config(CONCAT)
    works_everywhere(place, f'{VAL} is among the files of training')


@kind(AREA, 'a repeated data set with an image of validation')
def repeated(place):
    shutil.copy(place.path('data/train/1.png'), place.path('data/val/1.png'))
    repeat = "type='RepeatDataset', times=2, dataset=both[0]"
    place.edit_config(CONCAT.replace("type='ConcatDataset', datasets=both", repeat))
    works_everywhere(place, LEAK)


@kind(AREA, 'training on the file of validation, and on nothing else, is deliberate')
def overfit(place):
    place.edit_config(
        "train_dataloader['dataset'].update(\n"
        "    ann_file='panoptic_val.json', data_prefix=dict(img='val/', seg='panoptic_val/'))"
    )
    works_everywhere(place)


def change_train(place, change, message):
    place.edit_json(TRAIN, change)
    place.command(*TRAINING).works(message)
    place.command(*CHECK).reported(message)


def without(category):
    """Make all segments of a category those of another."""

    def change(content):
        for annotation in content['annotations']:
            for segment in annotation['segments_info']:
                if segment['category_id'] == category:
                    segment['category_id'] = 7

    return change


def crowd(content):
    for segment in content['annotations'][0]['segments_info']:
        segment['iscrowd'] = 1


kinds(
    AREA,
    [
        ('a class that is never annotated', without(9), 'no segment in .* is of class "sky"'),
        ('an image of nothing but crowd', crowd, 'all segments of image 1 .* are crowd'),
    ],
    change_train,
)


@kind(AREA, 'images of nothing but void')
def void(place):
    def empty(content):
        for annotation in content['annotations']:
            annotation['segments_info'] = []

    for name, count in (('train', 4), ('val', 2)):
        place.edit_json(f'data/panoptic_{name}.json', empty)
        for number in range(1, count + 1):
            place.edit_ids(f'data/panoptic_{name}/{number}.png', lambda ids: ids * 0)
    works_everywhere(place, 'no segment in .* is of class "car"')
    place.command(*CHECK).reported('holds nothing but void')


@kind(AREA, 'more segments than queries')
def queries(place):
    options = '--cfg-options', 'model.panoptic_head.transformer_decoder.num_queries=2'
    message = '3 segments, but the model has only num_queries=2: 1 cannot be learned'
    place.command(*TRAINING, *options).works(message)
    place.command(*CHECK, *options).reported(message)


@kind(AREA, 'a filter that leaves no image')
def filtered(place):
    options = '--cfg-options', 'train_dataloader.dataset.filter_cfg.min_size=100'
    place.command(*TRAINING, *options).refused(f'no image of {TRAIN} is left')


def change_val(place, change, message):
    place.edit_json(VAL, change)
    place.command(*TRAINING).refused(message)
    place.command(*CHECK).reported(message)


def reverse_classes(content):
    content['categories'].reverse()


def set_val(index, **values):
    return lambda content: content['categories'][index].update(values)


kinds(
    AREA,
    [
        ('a class that validation lacks', drop('categories', 3), 'category 9|classes'),
        ('a class of another name in validation', set_val(3, name='heaven'), 'has the classes'),
        ('a thing that is stuff in validation', set_val(0, isthing=0), 'thing'),
        ('classes in another order in validation', reverse_classes, 'has the classes'),
    ],
    change_val,
)


@kind(AREA, 'other ids and colours of the same classes in validation')
def other_ids(place):
    def change(content):
        for category in content['categories']:
            category.update(id=category['id'] + 40, color=[1, 2, 3])
        for annotation in content['annotations']:
            for segment in annotation['segments_info']:
                segment['category_id'] += 40

    place.edit_json(VAL, change)
    works_everywhere(place)


@kind(AREA, 'an evaluator with the JSON of other images')
def other_evaluator(place):
    def change(content):
        for record in (*content['images'], *content['annotations']):
            key = 'id' if 'height' in record else 'image_id'
            record[key] += 10

    shutil.copy(place.path(VAL), place.path('data/other.json'))
    place.edit_json('data/other.json', change)
    options = '--cfg-options', 'test_evaluator.ann_file=data/other.json'
    place.command(*TEST, *options).refused(
        'image [12] has no annotation in data/other.json', leaves='work_dirs'
    )


@kind(AREA, 'a terminal sequence as the name of a class')
def terminal(place):
    edit_both(place, lambda content: content['categories'][0].update(name='\x1b[31mcar'))
    message = r'has "name": "\\u001b\[31mcar", which must be a string without control characters'
    refused_everywhere(place, message)

"""Every fault of a data set is reported with the file and the image, from workers too.

It ends ``tools/train.py`` at once: exit code, last line, and what is on disk after.
"""

import json
import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from forked import HERE, Training
from mmdet.registry import METRICS
from PIL import Image
from torch.utils.data import DataLoader


def _truncate(path, fraction=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])


def _replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


def _truncate_jpeg(path):
    path.write_bytes(cv2.imencode('.jpg', cv2.imread(str(path)))[1].tobytes())
    _truncate(path)


def _empty(path):
    path.write_bytes(b'')


def _turn(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((24, 40, 3), np.uint8)).save(path, format='JPEG', exif=exif)


def _add_id(colors):
    colors[0, 0] = (0, 0, 77)
    return colors


def _remove_id(colors):
    colors[colors[..., 2] == 7] = 0
    return colors


IMAGE = r'image 1 \(FOLDER/images/1\.png\)'
UNREADABLE = IMAGE + r' of FOLDER/panoptic\.json: .*'
PNG = r'panoptic PNG FOLDER/panoptic/1\.png '
OF_IMAGE = PNG + r'of image 1 in FOLDER/panoptic\.json '
SEGMENTS_INFO = r'the segments_info of image 1 in FOLDER/panoptic\.json'
# The folder of the file, what damages it, the error and its message.
FAULTS = {
    'no image': ('images', Path.unlink, FileNotFoundError, UNREADABLE + 'No such file'),
    'truncated image': ('images', _truncate, OSError, UNREADABLE),
    'truncated JPEG': ('images', _truncate_jpeg, OSError, UNREADABLE),
    'empty image': ('images', _empty, OSError, UNREADABLE),
    'text': ('images', lambda path: path.write_text('not an image'), OSError, UNREADABLE),
    'pipe for an image': ('images', _replace_by_pipe, OSError, UNREADABLE + 'is a named pipe'),
    'pipe for a PNG': ('panoptic', _replace_by_pipe, ValueError, PNG + '.* is a named pipe'),
    'turned image': (
        'images',
        _turn,
        ValueError,
        PNG + f'is 40x24 pixels, but {IMAGE} is 24x40 pixels; the image may have an EXIF orient',
    ),
    'no PNG': ('panoptic', Path.unlink, FileNotFoundError, OF_IMAGE + 'does not exist'),
    'truncated PNG': ('panoptic', _truncate, ValueError, OF_IMAGE + 'is truncated'),
    'empty PNG': ('panoptic', _empty, ValueError, OF_IMAGE + 'is truncated or not an image'),
}
CHANNELS = OF_IMAGE + 'must have three channels of 8 bits, but has '
# Changes of the colours of the PNG.
COLORS = {
    '16 bits': (np.uint16, CHANNELS + '3 of type uint16'),
    '16 bits, grey': (lambda colors: np.uint16(colors[..., 0]), CHANNELS + '1 of type uint16'),
    'grey': (lambda colors: colors[..., 0], CHANNELS + '1 of type uint8'),
    'small': (lambda colors: colors[:, :-1], PNG + f'is 39x24 pixels, but {IMAGE} is 40x24 pixels'),
    'unlisted id': (_add_id, PNG + 'holds id 77, which is not among ' + SEGMENTS_INFO),
    'missing id': (_remove_id, PNG + 'has no pixel of id 7, which is among ' + SEGMENTS_INFO),
}


@pytest.fixture
def damage(panoptic_folder):
    """Return a function that causes a fault of a file and gives the error and its message."""

    def run(name):
        if name in COLORS:
            path = str(panoptic_folder / 'panoptic' / '1.png')
            change, message = COLORS[name]
            cv2.imwrite(path, change(cv2.imread(path)))
            error = ValueError
        else:
            part, change, error, message = FAULTS[name]
            change(panoptic_folder / part / '1.png')
        return error, message.replace('FOLDER', str(panoptic_folder))

    return run


@pytest.mark.parametrize('name', [*FAULTS, *COLORS])
def test_fault_of_a_file_is_named(name, damage, build_dataset):
    error, message = damage(name)
    with pytest.raises(error, match=message):
        build_dataset()[0]


@pytest.mark.parametrize('name', ['no image', 'truncated JPEG', 'truncated PNG', 'unlisted id'])
def test_workers_report_and_do_not_hang(name, damage, build_dataset):
    error, message = damage(name)
    batches = iter(DataLoader(build_dataset(), num_workers=2, collate_fn=list, timeout=60))
    with pytest.raises(error, match=message):
        next(batches)
    [intact] = batches
    assert intact[0]['data_samples'].img_id == 2


def _segment(**values):
    return lambda c: c['annotations'][0]['segments_info'][0].update(values)


def _category(**values):
    return lambda c: c['categories'][0].update(values)


def _annotation(**fields):
    return lambda c: c.update(annotations=[{'id': 1, 'image_id': 1, **fields}])


def _double(name):
    return lambda c: c[name].append(c[name][0])


SEGMENT = r'segment {} of image 1 \(1\.png\) in PATH '
UNKNOWN = SEGMENT.format(70000) + 'has the unknown category '
BAD_ID = 'must have an id between 1 and 16777215'
NOT_ANNOTATED = r'image 1 \(1\.png\) of PATH has no annotation'
INSTEAD = 'PATH is no panoptic JSON: its annotations have "{}" instead of "segments_info"'
# Changes of the annotations, and what is said of PATH.
JSON_FAULTS = {
    'unknown category': (_segment(category_id=99), UNKNOWN + '99'),
    'missing category': (lambda c: c['categories'].pop(1), UNKNOWN + '20'),
    'empty categories': (lambda c: c['categories'].clear(), UNKNOWN + r'20; known are \[\]'),
    'shared id': (_segment(id=300), SEGMENT.format(300) + 'shares its id with another'),
    'id of void': (_segment(id=0), SEGMENT.format(0) + BAD_ID),
    'id too large': (_segment(id=2**24), SEGMENT.format(2**24) + BAD_ID),
    'segment without category': (
        lambda c: c['annotations'][0]['segments_info'][0].pop('category_id'),
        SEGMENT.format(70000) + r"lacks the fields \['category_id'\]",
    ),
    'annotation without segments': (
        lambda c: c['annotations'][0].pop('segments_info'),
        r"the annotation of image 1 in PATH lacks \['segments_info'\]",
    ),
    'no annotation': (lambda c: c['annotations'].pop(0), NOT_ANNOTATED),
    'no annotations': (lambda c: c['annotations'].clear(), NOT_ANNOTATED),
    'two annotations': (_double('annotations'), 'image 1 of PATH has two annotations'),
    'instances': (_annotation(segmentation=[[0, 0, 1, 1]]), INSTEAD.format('segmentation')),
    'captions': (_annotation(caption='a cat'), INSTEAD.format('caption')),
    'no image': (
        lambda c: c['images'].pop(0),
        r'the annotation 1\.png of PATH belongs to image 1, which is not among',
    ),
    'image without height': (
        lambda c: c['images'][0].pop('height'),
        r"image 1\.png of PATH lacks the fields \['height'\]",
    ),
    'shared image': (_double('images'), 'PATH has several images with the id 1$'),
    'nothing': (lambda c: c.update(annotations=[], images=[]), 'no image of PATH is left'),
    'category without isthing': (
        lambda c: c['categories'][1].pop('isthing'),
        'a category of PATH has no field "isthing"',
    ),
    'shared category': (_category(id=20), 'PATH has several categories with the id 20$'),
    'shared name': (_category(name='cat'), "PATH has several categories with the name 'cat'$"),
    'no categories': (
        lambda c: c.pop('categories'),
        r"panoptic JSON PATH lacks the fields \['categories'\]",
    ),
}


@pytest.fixture
def damage_json(panoptic_folder, edit_json):
    """Return a function that causes a fault of the annotations and gives its message."""

    def run(name):
        change, message = JSON_FAULTS[name]
        edit_json(change)
        return message.replace('PATH', str(panoptic_folder / 'panoptic.json'))

    return run


@pytest.mark.parametrize('name', JSON_FAULTS)
def test_fault_of_the_annotations_is_named(name, damage_json, build_dataset):
    message = damage_json(name)
    with pytest.raises(ValueError, match=f'^{message}'):
        build_dataset()


def test_missing_or_broken_annotation_file_is_named(build_dataset, panoptic_folder):
    with pytest.raises(FileNotFoundError, match=r'panoptic JSON .*absent\.json does not exist'):
        build_dataset(ann_file='absent.json')
    _truncate(panoptic_folder / 'panoptic.json')
    with pytest.raises(ValueError, match=r'panoptic JSON .*panoptic\.json is not valid JSON'):
        build_dataset()


@pytest.mark.parametrize(
    ('metainfo', 'message'),
    [
        ({'classes': ('cat', 'dog', 'sky')}, r'category 10 "grass" of .*panoptic\.json is unknown'),
        ({'classes': ('cat', 'sky', 'dog', 'grass')}, 'classes must begin with the things'),
        (
            {'classes': ('cat', 'dog', 'sky', 'grass'), 'thing_classes': ('cat',)},
            r'category 40 "dog" of .*panoptic\.json has isthing=1, but the things are',
        ),
    ],
)
def test_contradicting_classes_are_reported(metainfo, message, build_dataset):
    with pytest.raises(ValueError, match=message):
        build_dataset(metainfo=metainfo)


def test_segments_without_iscrowd_are_no_crowd(edit_json, build_dataset):
    edit_json(lambda c: [s.pop('iscrowd') for s in c['annotations'][0]['segments_info']])
    assert build_dataset().get_data_info(0)['segment_rows'] == [1, 2, 3, 3, 4]


def _metric(folder, **kwargs):
    settings = {'ann_file': str(folder / 'panoptic.json'), 'seg_prefix': str(folder / 'panoptic')}
    return METRICS.build({'type': 'KMaXPanopticMetric', **settings, **kwargs})


def test_wrong_paths_of_the_evaluator_are_found_when_it_is_built(
    panoptic_folder, build_dataset, edit_json
):
    edit_json(lambda c: [s.update(area=1) for a in c['annotations'] for s in a['segments_info']])
    _metric(panoptic_folder)
    with pytest.raises(FileNotFoundError, match=r'panoptic JSON .*absent\.json does not exist'):
        _metric(panoptic_folder, ann_file=str(panoptic_folder / 'absent.json'))
    with pytest.raises(FileNotFoundError, match=r'seg_prefix of KMaXPanopticMetric: .*absent is'):
        _metric(panoptic_folder, seg_prefix=str(panoptic_folder / 'absent'))
    (panoptic_folder / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match=r'empty holds no PNG of .*json, such as 1\.png'):
        _metric(panoptic_folder, seg_prefix=str(panoptic_folder / 'empty'))


# Nothing gets as far as the model.
CONFIG = """
_base_ = '{here}/toy_training_config.py'
loader = dict(
    batch_size=1,
    num_workers=1,
    dataset=dict(
        type='KMaXPanopticDataset',
        data_root='{folder}/',
        ann_file='panoptic.json',
        data_prefix=dict(img='images', seg='panoptic'),
        indices=[0],
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticIds'),
            dict(type='PackKMaXInputs'),
        ],
    ),
)
train_dataloader = dict(_delete_=True, sampler=dict(type='InfiniteSampler'), **loader)
val_dataloader = dict(sampler=dict(type='DefaultSampler'), **loader)
val_cfg = dict(_delete_=True, type='ValLoop')
val_evaluator = dict(
    type='KMaXPanopticMetric', ann_file='{folder}/{val}', seg_prefix='{folder}/{seg}'
)
"""


@pytest.fixture
def train(panoptic_folder, edit_json, tmp_path_factory):
    """Return a function that trains on the folder and returns exit code and last line."""

    def give_areas(content):
        # Training does without, the evaluator does not.
        for given in content['annotations'][0]['segments_info']:
            given['area'] = 7 * 24

    def listing(folder):
        return {path: path.stat().st_size for path in folder.rglob('*') if path.is_file()}

    def run(val='panoptic.json', seg='panoptic'):
        folder = tmp_path_factory.mktemp('training')
        config = folder / 'config.py'
        config.write_text(CONFIG.format(here=HERE, folder=panoptic_folder, val=val, seg=seg))
        before = listing(panoptic_folder)
        training = Training(folder / 'work', config=config)
        code = training.wait()
        assert listing(panoptic_folder) == before
        kinds = {path.suffix for path in listing(folder / 'work')}
        assert kinds <= {'.log', '.py', '.json'}, kinds
        return code, training.output.strip().splitlines()[-1]

    edit_json(give_areas)
    return run


@pytest.mark.parametrize('name', ['16 bits', 'turned image', 'no image'])
def test_bad_file_ends_training(name, damage, train):
    _, message = damage(name)
    code, last = train()
    assert code == 2
    assert re.match(f'train.py: error: {message}', last)


@pytest.mark.parametrize(
    'name',
    [
        *('shared id', 'shared category', 'missing category', 'no categories', 'id too large'),
        *('no annotations', 'instances'),
    ],
)
def test_bad_annotations_end_training(name, damage_json, train):
    message = damage_json(name)
    code, last = train()
    assert code == 2
    assert re.match(f'train.py: error: {message}', last)


def test_bad_annotations_of_the_evaluator_end_training(train, panoptic_folder):
    (panoptic_folder / 'broken.json').write_text('{"images": [')
    content = json.loads((panoptic_folder / 'panoptic.json').read_text())
    content['annotations'] = [{'id': 1, 'image_id': 1, 'segmentation': []}]
    (panoptic_folder / 'instances.json').write_text(json.dumps(content))
    for options, message in (
        (dict(val='broken.json'), 'broken.json is not valid JSON'),
        (dict(val='instances.json'), 'instances.json is no panoptic JSON'),
        (dict(val='absent.json'), 'absent.json does not exist'),
        (dict(seg='absent'), '/absent is not a folder'),
    ):
        code, last = train(**options)
        assert code == 2
        assert message in last

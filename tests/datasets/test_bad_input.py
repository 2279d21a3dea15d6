"""Every fault of a data set is reported with the file and the image, from workers too."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmdet.registry import METRICS
from torch.utils.data import DataLoader


def _png(folder):
    return folder / 'panoptic' / '1.png'


def _image(folder):
    return folder / 'images' / '1.png'


def _truncate(path, fraction=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])


def _replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


def _truncate_jpeg(path):
    path.write_bytes(cv2.imencode('.jpg', cv2.imread(str(path)))[1].tobytes())
    _truncate(path)


def _rewrite(change):
    """Return what changes the colours of a PNG."""
    return lambda path: cv2.imwrite(str(path), change(cv2.imread(str(path))))


def _add_id(colors):
    colors[0, 0] = (0, 0, 77)
    return colors


def _remove_id(colors):
    colors[colors[..., 2] == 7] = 0
    return colors


UNREADABLE = r'image 1 \(.*images/1\.png\) of .*panoptic\.json: .*'
PNG = r'panoptic PNG .*panoptic/1\.png '
FAULTS = {
    'no image': (_image, Path.unlink, FileNotFoundError, UNREADABLE + 'No such file'),
    'truncated image': (_image, _truncate, OSError, UNREADABLE),
    'truncated JPEG': (_image, _truncate_jpeg, OSError, UNREADABLE),
    'empty image': (_image, lambda path: path.write_bytes(b''), OSError, UNREADABLE),
    'text': (_image, lambda path: path.write_text('not an image'), OSError, UNREADABLE),
    'pipe for an image': (_image, _replace_by_pipe, OSError, UNREADABLE + 'is a named pipe, not'),
    'pipe for a PNG': (_png, _replace_by_pipe, ValueError, PNG + '.* is a named pipe, not a file'),
    'no PNG': (
        _png,
        Path.unlink,
        FileNotFoundError,
        PNG + r'of image 1 in .*panoptic\.json does not exist',
    ),
    'truncated PNG': (
        _png,
        _truncate,
        ValueError,
        PNG + r'of image 1 in .*panoptic\.json is truncated',
    ),
    'empty PNG': (
        _png,
        lambda path: path.write_bytes(b''),
        ValueError,
        PNG + r'of image 1 in .*panoptic\.json is truncated or not an image',
    ),
    '16 bits': (
        _png,
        _rewrite(lambda colors: colors.astype(np.uint16)),
        ValueError,
        PNG + 'of image 1 in .* must .* 8 bits, but has 3 of type uint16',
    ),
    '16 bits, grey': (
        _png,
        _rewrite(lambda colors: colors[..., 0].astype(np.uint16)),
        ValueError,
        PNG + 'of image 1 in .* must .* 8 bits, but has 1 of type uint16',
    ),
    'grey': (
        _png,
        _rewrite(lambda colors: colors[..., 0]),
        ValueError,
        PNG + 'of image 1 in .* must have .*, but has 1 of type uint8',
    ),
    'small': (
        _png,
        _rewrite(lambda colors: colors[:, :-1]),
        ValueError,
        PNG + r'is 39x24 pixels, but image 1 \(.*images/1\.png\) is 40x24 pixels',
    ),
    'unlisted id': (
        _png,
        _rewrite(_add_id),
        ValueError,
        PNG + r'holds id 77, which is not among the segments_info of image 1 in .*panoptic\.json',
    ),
    'missing id': (
        _png,
        _rewrite(_remove_id),
        ValueError,
        PNG
        + r'has no pixel of id 7, which is among the segments_info of image 1 in .*panoptic\.json',
    ),
}


@pytest.mark.parametrize('name', FAULTS)
def test_fault_of_a_file_is_named(name, panoptic_folder, build_dataset):
    path_in, damage, error, message = FAULTS[name]
    damage(path_in(panoptic_folder))
    with pytest.raises(error, match=message):
        build_dataset()[0]


@pytest.mark.parametrize('name', ['no image', 'truncated JPEG', 'truncated PNG', 'unlisted id'])
def test_workers_report_and_do_not_hang(name, panoptic_folder, build_dataset):
    path_in, damage, error, message = FAULTS[name]
    damage(path_in(panoptic_folder))
    batches = iter(DataLoader(build_dataset(), num_workers=2, collate_fn=list, timeout=60))
    with pytest.raises(error, match=message):
        next(batches)
    [intact] = batches
    assert intact[0]['data_samples'].img_id == 2


def _segment(content):
    return content['annotations'][0]['segments_info'][0]


JSON_FAULTS = [
    (
        lambda c: _segment(c).update(category_id=99),
        r'segment 70000 of image 1 \(1\.png\) in .*panoptic\.json has the unknown category 99',
    ),
    (
        lambda c: _segment(c).update(id=300),
        r'segment 300 of image 1 \(1\.png\) in .*panoptic\.json shares its id with another',
    ),
    (
        lambda c: _segment(c).update(id=0),
        r'segment 0 of image 1 \(1\.png\) in .*panoptic\.json must have an id between 1 and',
    ),
    (
        lambda c: _segment(c).pop('category_id'),
        r"segment 70000 of image 1 .* in .*panoptic\.json lacks the fields \['category_id'\]",
    ),
    (
        lambda c: c['annotations'][0].pop('segments_info'),
        r"the annotation of image 1 in .*panoptic\.json lacks \['segments_info'\]",
    ),
    (
        lambda c: c['annotations'].pop(0),
        r'image 1 \(1\.png\) of .*panoptic\.json has no annotation',
    ),
    (
        lambda c: c['annotations'].append(c['annotations'][0]),
        r'image 1 of .*panoptic\.json has two annotations',
    ),
    (
        lambda c: c['images'].pop(0),
        r'the annotation 1\.png of .*panoptic\.json belongs to image 1, which is not among',
    ),
    (
        lambda c: c['categories'][1].pop('isthing'),
        r'a category of .*panoptic\.json has no field "isthing"',
    ),
    (
        lambda c: c['images'][0].pop('height'),
        r"image 1\.png of .*panoptic\.json lacks the fields \['height'\]",
    ),
    (
        lambda c: c['images'].append(c['images'][0]),
        r'panoptic\.json has several images with the id 1$',
    ),
    (
        lambda c: c['categories'][0].update(id=20),
        r'panoptic\.json has several categories with the id 20$',
    ),
    (
        lambda c: c['categories'][0].update(name='cat'),
        r"panoptic\.json has several categories with the name 'cat'$",
    ),
    (
        lambda c: _segment(c).update(id=2**24),
        r'segment 16777216 of image 1 .* in .*panoptic\.json must have an id between 1 and 16777',
    ),
    (
        lambda c: c['annotations'].clear(),
        r'image 1 \(1\.png\) of .*panoptic\.json has no annotation',
    ),
    (
        lambda c: (c['annotations'].clear(), c['images'].clear()),
        r'no image of .*panoptic\.json is left',
    ),
    (
        lambda c: c.update(annotations=[{'id': 1, 'image_id': 1, 'segmentation': [[0, 0, 1, 1]]}]),
        r'panoptic\.json is no panoptic JSON: its annotations have "segmentation" instead of',
    ),
    (
        lambda c: c.update(annotations=[{'id': 1, 'image_id': 1, 'caption': 'a cat'}]),
        r'panoptic\.json is no panoptic JSON: its annotations have "caption" instead of',
    ),
    (
        lambda c: c['categories'].clear(),
        r'segment 70000 of image 1 .* has the unknown category 20; known are \[\]',
    ),
    (
        lambda c: c.pop('categories'),
        r"panoptic JSON .*panoptic\.json lacks the fields \['categories'\]",
    ),
]


@pytest.mark.parametrize(('change', 'message'), JSON_FAULTS)
def test_fault_of_the_annotations_is_named(change, message, edit_json, build_dataset):
    edit_json(change)
    with pytest.raises(ValueError, match=message):
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

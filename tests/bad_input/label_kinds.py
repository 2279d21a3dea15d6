"""Pseudo-labels: images, places, options, records of earlier runs and models that do not fit."""

import errno
import json
import os
import shutil

import torch
from kinds import kind

MODEL = ('config.py', 'weights.pth')
ALL = ('--workers', 0, '--min-score', 0, '--min-area', 0, '--min-labelled', 0)


def label(place, *words, images='data/val', out='out', **options):
    return place.command('label', *MODEL, images, out, *(words or ALL), **options)


def enter_option(name, words, message):
    @kind('labelling', f'option: {name}')
    def option(place):
        label(place, *words).refused(message)


OPTIONS = {
    'a score above 1': (('--min-score', 2), r'--min-score must be between 0 and 1, got 2\.0'),
    'a score that is NaN': (('--min-score', 'nan'), '--min-score must be between 0 and 1'),
    'a score of a word': (('--min-score', 'high'), "invalid float value: 'high'"),
    'a negative area': (('--min-area', -5), '--min-area must be at least 0, got -5'),
    'half a pixel of area': (('--min-area', 0.5), "invalid int value: '0.5'"),
    'a negative share': (('--min-labelled', -0.1), '--min-labelled must be between 0 and 1'),
    'fewer workers than none': (('--workers', -1), '--workers must be at least 0, got -1'),
    'a shard beyond the last': (('--shard', '2/2'), 'must be I/N with I from 0 to N - 1'),
    'a shard of none': (('--shard', '0/0'), 'must be I/N'),
    'a device that is none': (('--device', 'abacus'), 'abacus cannot be used here'),
    'a device that is not there': (('--device', 'cuda:99'), 'cuda:99 cannot be used here'),
}
for name, (words, message) in OPTIONS.items():
    enter_option(name, words, message)


def enter_place(name, prepare, options, message):
    @kind('labelling', f'place: {name}')
    def wrong_place(place):
        prepare(place)
        label(place, **options).refused(message)


def nothing(place):
    pass


def strange_png(place):
    place.path('out').mkdir()
    shutil.copy('data/panoptic_val/1.png', 'out/1.png')


PLACES = {
    'the folder of the images': (nothing, dict(out='data/val'), 'is in the folder of the images'),
    'a folder among the images': (nothing, dict(out='data/val/x/y'), 'is in the folder of the im'),
    'a link to the images': (
        lambda place: place.path('link').symlink_to('data/val'),
        dict(out='link'),
        'is in the folder of the images',
    ),
    'PNGs of somebody else': (strange_png, {}, r'out/1\.png is there, but no record of who wrote'),
    'annotations of somebody else': (
        nothing,
        dict(out='data/panoptic_val'),
        r'panoptic_val\.json is no result of this command',
    ),
    'a JSON that is broken': (
        lambda place: place.path('out.json').write_text('{"images": ['),
        {},
        r'out\.json',
    ),
    'a JSON that is a list': (
        lambda place: place.path('out.json').write_text('[1]'),
        {},
        r'out\.json',
    ),
    'a JSON whose info is a list': (
        lambda place: place.path('out.json').write_text(
            '{"images": [], "annotations": [], "info": [1]}'
        ),
        {},
        r'out\.json is no result of this command',
    ),
    'a name that ends in json': (nothing, dict(out='x.json'), 'must be a folder'),
    'a file': (nothing, dict(out='weights.pth'), 'must be a folder'),
    'a folder in a file': (nothing, dict(out='weights.pth/out'), r'weights\.pth'),
    'images that are a file': (nothing, dict(images='data/val/1.png'), 'is not a folder of im'),
    'images that are missing': (nothing, dict(images='nothing'), 'nothing is not a folder of im'),
    'a folder for PNGs that is a link elsewhere': (
        lambda place: (
            shutil.copytree('data/val', 'images/s'),
            place.path('out').mkdir(),
            place.path('out/s').symlink_to('../data/train'),
        ),
        dict(images='images'),
        'out/s is a link',
    ),
    'images that differ in their endings only': (
        lambda place: shutil.copy('data/val/1.png', 'data/val/1.jpg'),
        {},
        'names that differ in their endings only',
    ),
    'a record that is damaged': (
        lambda place: place.path('out.unfinished').write_text('{"a": 1}\nx\n{}\n'),
        {},
        r'line 2 of out\.unfinished is damaged',
    ),
    'a record whose lines are lists': (
        lambda place: place.path('out.unfinished').write_text('[1]\n[2]\n'),
        {},
        r'line 1 of out\.unfinished is damaged',
    ),
    'a record of other settings': (
        lambda place: place.path('out.unfinished').write_text('{"model": "x"}\n'),
        {},
        "out.unfinished was begun with model='x'",
    ),
}
for name, (prepare, options, message) in PLACES.items():
    enter_place(name, prepare, options, message)


@kind('labelling', 'other thresholds for what is done')
def other_thresholds(place):
    label(place).works('2 images are labelled')
    label(place, '--min-score', 0.5).refused(r'out\.json was begun with min_score=0\.0, not 0\.5')


@kind('labelling', 'other images for what is done')
def other_images(place):
    label(place).works()
    shutil.copy('data/train/3.png', 'data/val/3.png')
    label(place).refused(r'out\.json was begun with images=')


@kind('labelling', 'other weights for what is done')
def other_weights(place):
    label(place).works()
    place.edit_weights(lambda content: None)
    label(place).refused(r'out\.json was begun with weights=')


@kind('labelling', 'other classes for what is done')
def other_classes(place):
    label(place).works()
    names = ('auto', 'person', 'road', 'sky')
    place.edit_config(f"test_dataloader['dataset']['metainfo'] = dict(classes={names!r})")
    label(place).refused(r'out\.json was begun with classes=')


@kind('labelling', 'a PNG that was deleted from what is unfinished')
def deleted(place):
    label(place, '--shard', '0/2', *ALL).works()
    place.path('out/1.png').unlink()
    label(place).works('2 images are labelled')
    assert place.path('out/1.png').is_file()


@kind('labelling', 'a record cut off in the middle of a line')
def cut_off(place):
    label(place, '--shard', '0/1', *ALL).works()
    (record,) = place.folder.glob('out*.unfinished')
    record.write_bytes(record.read_bytes()[:-20])
    record.rename(place.path('out.unfinished'))
    label(place).works('2 images are labelled')


@kind('labelling', 'a disk that is full')
def full_disk(place):
    def fill():
        os.fsync = full

    def full(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    result = label(place, before=fill)
    result.refused(rf'out\S*: {os.strerror(errno.ENOSPC)}', r'out\.unfinished')
    assert not list(place.folder.rglob('*.partial*'))
    label(place).works('2 images are labelled')


@kind('labelling', 'a model that becomes NaN goes on with right weights')
def not_finite_then_right(place):
    right = place.path('weights.pth').read_bytes()
    place.edit_weights(
        lambda content: (
            [v.fill_(torch.nan) for v in content['state_dict'].values() if v.ndim > 1] and None
        )
    )
    label(place).refused(r'logits are not finite for image .*1\.png', r'out\.unfinished')
    assert not place.path('out.json').exists()
    place.path('weights.pth').write_bytes(right)
    label(place).refused('out.unfinished was begun with weights=', r'out\.unfinished')
    place.path('out.unfinished').unlink()
    label(place).works('2 images are labelled')


@kind('labelling', 'a model that names no classes')
def no_classes(place):
    place.edit_config("test_dataloader['dataset']['ann_file'] = 'data/nothing.json'")
    label(place).refused('names the classes|nothing')


@kind('labelling', 'a config without test data')
def no_pipeline(place):
    place.edit_config('test_dataloader = None')
    label(place).refused(r'config config\.py lacks test_dataloader\.dataset')


@kind('labelling', 'what is written is what training reads')
def read_again(place):
    label(place).works()
    content = json.loads(place.path('out.json').read_text())
    assert [c['name'] for c in content['categories']] == ['car', 'person', 'road', 'sky']
    new = "test_dataloader['dataset'].update(ann_file='../out.json')"
    place.edit_config(
        new + "\ntest_dataloader['dataset']['data_prefix'] = dict(img='val', seg='../out')"
    )
    place.command('check', 'config.py', '--no-pictures')

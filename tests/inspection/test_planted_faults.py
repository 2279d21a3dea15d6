"""Every kind of fault is found by the inspection, and by the training that meets it first."""

import re

import numpy as np
import pytest
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn

from projects.kmax.panoptic.faults import FaultKind


def _add_id(ids):
    ids[0, 29] = 77
    return ids


def _plant_many(plant, number):
    """Four more cats of one column each, in void."""
    new = [dict(id=100 + n, category_id=1, area=20, bbox=[26 + n, 0, 1, 20]) for n in range(4)]

    def paint(ids):
        for segment in new:
            ids[:, segment['bbox'][0]] = segment['id']
        return ids

    plant.paint(number, paint)
    plant.edit(number, lambda a: a['segments_info'].extend(new))


def _plant_void(plant, number):
    plant.paint(number, np.zeros_like)
    plant.edit(number, lambda a: a['segments_info'].clear())


def _plant_crowd(plant, number):
    plant.edit(number, lambda a: [s.update(iscrowd=1) for s in a['segments_info']])


def _plant_json_size(plant, number):
    plant.rewrite(lambda c: c['images'][number - 1].update(width=31))


def _plant_duplicate_image(plant, number):
    plant.rewrite(lambda c: c['images'].append(c['images'][number - 1]))


def _plant_no_image(plant, number):
    plant.rewrite(lambda c: c['images'].pop(number - 1))


def _plant_no_annotation(plant, number):
    plant.rewrite(lambda c: c['annotations'].pop(number - 1))


def _plant_duplicate_annotation(plant, number):
    plant.rewrite(lambda c: c['annotations'].append(c['annotations'][number - 1]))


def _plant_leak(plant, number):
    """Validate with a copy of an image that keeps its id and its name."""
    name = plant.image(number).name
    (plant.folder / 'val' / name).write_bytes(plant.image(number).read_bytes())
    plant.rewrite(lambda c: c['images'][0].update(id=number, file_name=name), 'val')
    plant.rewrite(lambda c: c['annotations'][0].update(image_id=number), 'val')


def _plant_class(plant, number):
    moon = {'id': 3, 'name': 'moon', 'isthing': 0}
    for split in ('train', 'val'):
        plant.rewrite(lambda content: content['categories'].append(moon), split)


def _plant_nothing(plant, number):
    plant.rewrite(lambda content: content.update(images=[], annotations=[]))


JSON = r'.*panoptic_train\.json'
PLANTED = {
    FaultKind.MISSING_IMAGE: (
        lambda plant, n: plant.image(n).unlink(),
        r'image {n} \(.*train/{name}\.jpg\) of ' + JSON + ': .*No such file',
    ),
    FaultKind.BROKEN_IMAGE: (
        lambda plant, n: plant.truncate(plant.image(n)),
        r'image {n} \(.*train/{name}\.jpg\) of ' + JSON,
    ),
    FaultKind.MISSING_PNG: (
        lambda plant, n: plant.png(n).unlink(),
        r'PNG .*panoptic_train/{name}\.png of image {n} in ' + JSON + ' does not exist',
    ),
    FaultKind.BROKEN_PNG: (
        lambda plant, n: plant.truncate(plant.png(n)),
        r'PNG .*panoptic_train/{name}\.png of image {n} in ' + JSON + ' is truncated',
    ),
    FaultKind.SIZE: (
        lambda plant, n: plant.paint(n, lambda ids: ids[:, :-1]),
        r'PNG .*/{name}\.png is 29x20 pixels, but image {n} \(.*/{name}\.jpg\) is 30x20 pixels',
    ),
    FaultKind.ID_NOT_IN_JSON: (
        lambda plant, n: plant.paint(n, _add_id),
        r'PNG .*/{name}\.png holds id 77, which is not among .* of image {n} in ' + JSON,
    ),
    FaultKind.ID_NOT_IN_PNG: (
        lambda plant, n: plant.paint(n, lambda ids: np.where(ids == 5, 0, ids)),
        r'PNG .*/{name}\.png has no pixel of id 5, which is among .* image {n} in ' + JSON,
    ),
    FaultKind.UNKNOWN_CATEGORY: (
        lambda plant, n: plant.segment(n, category_id=9),
        r'segment 70000 of image {n} \({name}\.png\) in ' + JSON + ' has the unknown category 9',
    ),
    FaultKind.BAD_ID: (
        lambda plant, n: plant.segment(n, id=0),
        r'segment 0 of image {n} \({name}\.png\) in ' + JSON + ' must have an id between 1 and',
    ),
    FaultKind.DUPLICATE_ID: (
        lambda plant, n: plant.segment(n, id=5),
        r'segment 5 of image {n} \({name}\.png\) in ' + JSON + ' shares its id with another',
    ),
    FaultKind.MISSING_FIELD: (
        lambda plant, n: plant.edit(n, lambda a: a['segments_info'][1].pop('category_id')),
        r'segment 5 of image {n} \({name}\.png\) in ' + JSON + r" lacks .*\['category_id'\]",
    ),
    FaultKind.WRONG_TYPE: (
        lambda plant, n: plant.segment(n, id='70000'),
        r'segment 70000 of image {n} \({name}\.png\) in '
        + JSON
        + ' has "id": "70000", which must be a whole number',
    ),
    FaultKind.DUPLICATE_IMAGE: (
        _plant_duplicate_image,
        JSON + ' has several images with the id {n}',
    ),
    FaultKind.DUPLICATE_ANNOTATION: (
        _plant_duplicate_annotation,
        'image {n} of ' + JSON + ' has two annotations',
    ),
    FaultKind.NO_ANNOTATION: (
        _plant_no_annotation,
        r'image {n} \({name}\.jpg\) of ' + JSON + ' has no annotation',
    ),
    FaultKind.NO_IMAGE: (
        _plant_no_image,
        r'the annotation {name}\.png of ' + JSON + ' belongs to image {n}, which is not among',
    ),
    FaultKind.AREA: (
        lambda plant, n: plant.segment(n, area=199),
        r'segment 70000 of image {n} in '
        + JSON
        + r' has area 199, but 200 pixels in .*/{name}\.png',
    ),
    FaultKind.BBOX: (
        lambda plant, n: plant.segment(n, bbox=[0, 0, 15, 20]),
        r'segment 70000 of image {n} in ' + JSON + r' has bbox \[0, 0, 15, 20\], but is at '
        r'\[0, 0, 10, 20\] in .*/{name}\.png',
    ),
    FaultKind.JSON_SIZE: (
        _plant_json_size,
        r'image {n} \(.*train/{name}\.jpg\) is 30x20 pixels, but ' + JSON + ' says 31x20',
    ),
    FaultKind.MANY_SEGMENTS: (
        _plant_many,
        r'image {n} \(.*train/{name}\.jpg\) has 6 segments, but .* only num_queries=3: 3 cannot',
    ),
    FaultKind.VOID_ONLY: (
        _plant_void,
        r'{name}\.png of image {n} in ' + JSON + ' holds nothing but',
    ),
    FaultKind.CROWD_ONLY: (_plant_crowd, 'all segments of image {n} in ' + JSON + ' are crowd'),
    FaultKind.LEAK: (
        _plant_leak,
        r'image {n} \(.*val/{name}\.jpg\) of .*val\.json is the same as '
        r'image {n} \(.*train/{name}\.jpg\) in training',
    ),
}
# What can only be planted in the whole of a data set, and the config's number of stuff classes.
PLANTED_ALONE = {
    FaultKind.CONFIG: (
        lambda plant, n: None,
        'num_stuff_classes=4, but ' + JSON + ' has 1 thing and 1 stuff',
        4,
    ),
    FaultKind.BROKEN_JSON: (
        lambda plant, n: plant.truncate(plant.json),
        'panoptic JSON ' + JSON + ' is not valid JSON',
        1,
    ),
    FaultKind.CATEGORIES: (
        lambda plant, n: plant.rewrite(lambda c: c['categories'][0].update(name='sky')),
        JSON + " has several categories with the name 'sky'",
        1,
    ),
    FaultKind.NOTHING_LEFT: (_plant_nothing, 'no image of ' + JSON + ' is left', 1),
    FaultKind.NEVER_ANNOTATED: (_plant_class, 'no segment in ' + JSON + ' is of class "moon"', 2),
}
ALL = {**{kind: (*planted, 1) for kind, planted in PLANTED.items()}, **PLANTED_ALONE}


VAL_JSON = r'.*panoptic_val\.json'
# What the metric trusts: the kind, a change of the image and its first segment, the message.
PLANTED_IN_VALIDATION = {
    FaultKind.AREA: (
        lambda image, segment: segment.update(area=20),
        'segment 70000 of image 1 in ' + VAL_JSON + r' has area 20, but 200 pixels in .*/01\.png',
    ),
    FaultKind.BBOX: (
        lambda image, segment: segment.update(bbox=[0, 0, 15, 20]),
        'segment 70000 of image 1 in ' + VAL_JSON + r' has bbox \[0, 0, 15, 20\], but is at '
        r'\[0, 0, 10, 20\] in .*/01\.png',
    ),
    FaultKind.JSON_SIZE: (
        lambda image, segment: image.update(width=31),
        r'image 1 \(.*val/01\.jpg\) is 30x20 pixels, but ' + VAL_JSON + ' says 31x20',
    ),
}


def _message(kind, number):
    return re.compile(ALL[kind][1].replace('{n}', str(number)).replace('{name}', f'{number:02d}'))


@MODELS.register_module()
class TinyModel(BaseModel):
    """Has classes and queries, and does nothing with an image but count it."""

    def __init__(self, num_things_classes, num_stuff_classes, num_queries):
        super().__init__()
        self.panoptic_head = nn.Linear(1, 1)
        self.panoptic_head.num_things_classes = num_things_classes
        self.panoptic_head.num_stuff_classes = num_stuff_classes
        self.panoptic_head.transformer_decoder = nn.Identity()
        self.panoptic_head.transformer_decoder.num_queries = num_queries

    def forward(self, inputs, data_samples, mode):
        return dict(loss=len(inputs) * self.panoptic_head.weight.sum())


GOES_ON = '. Training goes on; tools/check_dataset.py lists all.'
TRAINING = """
model = dict(
    _delete_=True, type='TinyModel', num_things_classes=1, num_stuff_classes={stuff}, num_queries=3
)
train_dataloader.update(
    batch_size=23, num_workers=0, persistent_workers=False, sampler=dict(type='DefaultSampler')
)
train_cfg = dict(max_iters=2, val_begin=9)
param_scheduler = None
"""
VALIDATION = """
train_cfg.update(val_begin=0, val_interval=1)
val_dataloader.update(num_workers=0, persistent_workers=False)
"""


@pytest.fixture
def train(folder, write_config, monkeypatch):
    """Return a function that trains for two iterations and returns the warnings in the log."""

    def run(stuff=1, more=''):
        cfg = Config.fromfile(write_config(stuff, TRAINING.format(stuff=stuff) + more))
        cfg.work_dir = str(folder / 'work')
        # mmengine hands the log of one run to the next of the same name and second.
        cfg.experiment_name = str(folder).replace('/', '_')
        init_default_scope('mmdet')
        # Describing machine and config would take most of the time.
        monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)
        monkeypatch.setattr(Config, 'pretty_text', '')
        Runner.from_cfg(cfg).train()
        (log,) = (folder / 'work').rglob('*.log')
        lines = log.read_text().splitlines()
        return [line for line in lines if ' - WARNING - ' in line and GOES_ON in line]

    return run


def test_every_kind_of_fault_is_planted():
    assert set(ALL) == set(FaultKind)


@pytest.mark.parametrize('num_images', [4])
@pytest.mark.parametrize('kind', ALL, ids=lambda kind: kind.name.lower())
def test_inspection_and_training_say_the_same(kind, plant, check, train):
    damage, _, stuff = ALL[kind]
    damage(plant, 3)
    message = _message(kind, 3)
    code, printed, _ = check(stuff=stuff)
    assert code == 1
    title = 'FAULTS' if kind.stops_training else 'WARNINGS'
    section = printed.partition(f'\n{title}: ')[2].partition('\nWARNINGS: ')[0]
    assert message.search(section.partition(f'\n{kind.value}: ')[2])
    if kind.stops_training:
        with pytest.raises((OSError, ValueError), match=message):
            train(stuff)
    else:
        (line,) = train(stuff)
        assert message.search(line.partition(f' {kind.value}: ')[2])
        assert line.endswith(GOES_ON)


@pytest.mark.parametrize('base', ['kmax_r18_custom-panoptic'])
@pytest.mark.parametrize('num_images', [1])
@pytest.mark.parametrize('kind', PLANTED_IN_VALIDATION, ids=lambda kind: kind.name.lower())
def test_faults_of_validation_stop_training_too(kind, plant, check, train):
    damage, message = PLANTED_IN_VALIDATION[kind]

    def rewrite(content):
        damage(content['images'][0], content['annotations'][0]['segments_info'][0])

    plant.rewrite(rewrite, 'val')
    code, printed, _ = check()
    assert code == 1
    faults = printed.partition('\nFAULTS: ')[2].partition('\nWARNINGS: ')[0]
    assert re.search(message, faults.partition(f'\n{kind.value}: ')[2])
    with pytest.raises(ValueError, match=message):
        train(more=VALIDATION)


@pytest.mark.parametrize('num_images', [2])
def test_a_renamed_copy_is_told_by_both(plant, check, train):
    (plant.folder / 'val' / 'copy.jpg').write_bytes(plant.image(2).read_bytes())
    plant.rewrite(lambda c: c['images'][0].update(file_name='copy.jpg'), 'val')
    folder = plant.folder
    message = (
        f'image 1 ({folder}/val/copy.jpg) of {folder}/panoptic_val.json is the same as image 2 '
        f'({folder}/train/02.jpg) in training (compared by path'
    )
    assert f'{message} and content)\n' in check()[1]
    (line,) = train()
    assert f' {FaultKind.LEAK.value}: {message}, and by content in up to ' in line


def test_sound_data_train_without_a_warning(train):
    # Image 1 of training and image 1 of validation have one name, but not one content.
    assert train() == []


def test_first_of_each_kind_is_logged_once(plant, train):
    damages = {
        5: _plant_void,
        6: _plant_void,
        7: _plant_crowd,
        8: _plant_crowd,
        9: _plant_many,
        10: _plant_many,
    }
    for number, damage in damages.items():
        damage(plant, number)
    lines = train()
    first = {FaultKind.VOID_ONLY: 5, FaultKind.CROWD_ONLY: 7, FaultKind.MANY_SEGMENTS: 9}
    assert len(lines) == len(first)
    for line, (kind, number) in zip(lines, first.items(), strict=True):
        assert _message(kind, number).search(line)


def test_all_faults_are_found_in_one_run(plant, check):
    # Records are taken out from the end, where they move no other.
    taking = (FaultKind.NO_ANNOTATION, FaultKind.NO_IMAGE)
    kinds = sorted(PLANTED, key=lambda kind: kind in taking)
    for number, kind in reversed([*enumerate(kinds, start=1)]):
        PLANTED[kind][0](plant, number)
    code, printed, html = check('--num-pictures', 2, draw=True)
    assert code == 1
    for number, kind in enumerate(kinds, start=1):
        block = printed.partition(f'\n{kind.value}: ')[2].partition('\n\n')[0]
        assert _message(kind, number).search(block), (kind, block)
        assert f'<b>{kind.value}</b>' in html
    warnings = [kind for kind in kinds if not kind.stops_training]
    assert f' faults of {len(kinds) - len(warnings)} kinds, ' in printed
    assert f' warnings of {len(warnings)} kinds\n' in printed
    assert '<h2>Faults</h2>' in html and '<h2>Warnings</h2>' in html
    assert 'Faults and warnings of train' in html

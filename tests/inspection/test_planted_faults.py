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

from projects.kmax.panoptic.faults import ONLY_IMPORTED, FaultKind


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


def _segment(**values):
    return lambda plant, n: plant.segment(n, **values)


def _rewrite(change):
    """Return what changes the JSON by a function of its content and the place of the image."""
    return lambda plant, n: plant.rewrite(lambda content: change(content, n - 1))


# In messages {n} is the number of an image, {name} that of its files, {json} the path of a {split}.
IMAGE = r'image {n} \(.*{split}/{name}\.jpg\) '
PNG = r'PNG .*panoptic_{split}/{name}\.png '
OF_PNG = PNG + 'of image {n} in {json} '
SEGMENT = r'segment 70000 of image {n} \({name}\.png\) in {json} has '
OTHER = r'segment %s of image {n} \({name}\.png\) in {json} '
MEASURED = 'segment 70000 of image {n} in {json} has '
PLANTED = {
    FaultKind.MISSING_IMAGE: (
        lambda plant, n: plant.image(n).unlink(),
        IMAGE + 'of {json}: .*No such file',
    ),
    FaultKind.BROKEN_IMAGE: (lambda plant, n: plant.truncate(plant.image(n)), IMAGE + 'of {json}'),
    FaultKind.MISSING_PNG: (lambda plant, n: plant.png(n).unlink(), OF_PNG + 'does not exist'),
    FaultKind.BROKEN_PNG: (lambda plant, n: plant.truncate(plant.png(n)), OF_PNG + 'is truncated'),
    FaultKind.SIZE: (
        lambda plant, n: plant.paint(n, lambda ids: ids[:, :-1]),
        PNG + 'is 29x20 pixels, but ' + IMAGE + 'is 30x20 pixels',
    ),
    FaultKind.ID_NOT_IN_JSON: (
        lambda plant, n: plant.paint(n, _add_id),
        PNG + 'holds id 77, which is not among .* of image {n} in {json}',
    ),
    FaultKind.ID_NOT_IN_PNG: (
        lambda plant, n: plant.paint(n, lambda ids: np.where(ids == 5, 0, ids)),
        PNG + 'has no pixel of id 5, which is among .* image {n} in {json}',
    ),
    FaultKind.UNKNOWN_CATEGORY: (_segment(category_id=9), SEGMENT + 'the unknown category 9'),
    FaultKind.BAD_ID: (_segment(id=0), OTHER % 0 + 'must have an id between 1 and'),
    FaultKind.DUPLICATE_ID: (_segment(id=5), OTHER % 5 + 'shares its id with another'),
    FaultKind.MISSING_FIELD: (
        lambda plant, n: plant.edit(n, lambda a: a['segments_info'][1].pop('category_id')),
        OTHER % 5 + r"lacks .*\['category_id'\]",
    ),
    FaultKind.WRONG_TYPE: (
        _segment(id='70000'),
        SEGMENT + '"id": "70000", which must be a whole number',
    ),
    FaultKind.DUPLICATE_IMAGE: (
        _rewrite(lambda c, place: c['images'].append(c['images'][place])),
        '{json} has several images with the id {n}',
    ),
    FaultKind.DUPLICATE_ANNOTATION: (
        _rewrite(lambda c, place: c['annotations'].append(c['annotations'][place])),
        'image {n} of {json} has two annotations',
    ),
    FaultKind.NO_ANNOTATION: (
        _rewrite(lambda c, place: c['annotations'].pop(place)),
        r'image {n} \({name}\.jpg\) of {json} has no annotation',
    ),
    FaultKind.NO_IMAGE: (
        _rewrite(lambda c, place: c['images'].pop(place)),
        r'the annotation {name}\.png of {json} belongs to image {n}, which is not among',
    ),
    FaultKind.AREA: (_segment(area=199), MEASURED + r'area 199, but 200 pixels in .*/{name}\.png'),
    FaultKind.BBOX: (
        _segment(bbox=[0, 0, 15, 20]),
        MEASURED + r'bbox \[0, 0, 15, 20\], but is at \[0, 0, 10, 20\] in .*/{name}\.png',
    ),
    FaultKind.JSON_SIZE: (
        _rewrite(lambda c, place: c['images'][place].update(width=31)),
        IMAGE + 'is 30x20 pixels, but {json} says 31x20',
    ),
    FaultKind.MANY_SEGMENTS: (
        _plant_many,
        IMAGE + 'has 6 segments, but .* only num_queries=3: 3 cannot',
    ),
    FaultKind.VOID_ONLY: (_plant_void, r'{name}\.png of image {n} in {json} holds nothing but'),
    FaultKind.CROWD_ONLY: (_plant_crowd, 'all segments of image {n} in {json} are crowd'),
    FaultKind.LEAK: (
        _plant_leak,
        r'image {n} \(.*val/{name}\.jpg\) of .*val\.json is the same as ' + IMAGE + 'in training',
    ),
}
# What can only be planted in the whole of a data set, and the config's number of stuff classes.
PLANTED_ALONE = {
    FaultKind.CONFIG: (
        lambda plant, n: None,
        'num_stuff_classes=4, but {json} has 1 thing and 1 stuff',
        4,
    ),
    FaultKind.BROKEN_JSON: (
        lambda plant, n: plant.truncate(plant.json()),
        'panoptic JSON {json} is not valid JSON',
        1,
    ),
    FaultKind.CATEGORIES: (
        _rewrite(lambda c, _: c['categories'][0].update(name='sky')),
        "{json} has several categories with the name 'sky'",
        1,
    ),
    FaultKind.NOTHING_LEFT: (
        _rewrite(lambda c, _: c.update(images=[], annotations=[])),
        'no image of {json} is left',
        1,
    ),
    FaultKind.NEVER_ANNOTATED: (_plant_class, 'no segment in {json} is of class "moon"', 2),
}
ALL = {**{kind: (*planted, 1) for kind, planted in PLANTED.items()}, **PLANTED_ALONE}
TRUSTED_BY_THE_METRIC = (FaultKind.AREA, FaultKind.BBOX, FaultKind.JSON_SIZE)


def _message(kind, number, split='train'):
    message = ALL[kind][1].replace('{json}', r'.*panoptic_{split}\.json')
    values = {'{n}': str(number), '{name}': f'{number:02d}', '{split}': split}
    for name, value in values.items():
        message = message.replace(name, value)
    return re.compile(message)


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
    assert set(ALL) == set(FaultKind) - ONLY_IMPORTED


@pytest.mark.parametrize('num_images', [4])
@pytest.mark.parametrize('kind', ALL, ids=lambda kind: kind.name.lower())
def test_inspection_and_training_say_the_same(kind, plant, find_faults, train):
    damage, _, stuff = ALL[kind]
    damage(plant, 3)
    message = _message(kind, 3)
    printed, _ = find_faults(stuff=stuff)
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
@pytest.mark.parametrize('kind', TRUSTED_BY_THE_METRIC, ids=lambda kind: kind.name.lower())
def test_faults_of_validation_stop_training_too(kind, plant, find_faults, train):
    plant.split = 'val'
    PLANTED[kind][0](plant, 1)
    message = _message(kind, 1, 'val')
    printed, _ = find_faults()
    faults = printed.partition('\nFAULTS: ')[2].partition('\nWARNINGS: ')[0]
    assert message.search(faults.partition(f'\n{kind.value}: ')[2])
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
    first = {FaultKind.VOID_ONLY: 5, FaultKind.CROWD_ONLY: 7, FaultKind.MANY_SEGMENTS: 9}
    for kind, number in first.items():
        PLANTED[kind][0](plant, number)
        PLANTED[kind][0](plant, number + 1)
    lines = train()
    assert len(lines) == len(first)
    for line, (kind, number) in zip(lines, first.items(), strict=True):
        assert _message(kind, number).search(line)


def test_all_faults_are_found_in_one_run(plant, find_faults):
    # Records are taken out from the end, where they move no other.
    taking = (FaultKind.NO_ANNOTATION, FaultKind.NO_IMAGE)
    kinds = sorted(PLANTED, key=lambda kind: kind in taking)
    for number, kind in reversed([*enumerate(kinds, start=1)]):
        PLANTED[kind][0](plant, number)
    printed, html = find_faults('--num-pictures', 2, draw=True)
    for number, kind in enumerate(kinds, start=1):
        block = printed.partition(f'\n{kind.value}: ')[2].partition('\n\n')[0]
        assert _message(kind, number).search(block), (kind, block)
        assert f'<b>{kind.value}</b>' in html
    warnings = [kind for kind in kinds if not kind.stops_training]
    assert f' faults of {len(kinds) - len(warnings)} kinds, ' in printed
    assert f' warnings of {len(warnings)} kinds\n' in printed
    assert '<h2>Faults</h2>' in html and '<h2>Warnings</h2>' in html
    assert 'Faults and warnings of train' in html

"""Planted faults are all found at once, and named; training stops at those that it should."""

import projects.kmax  # noqa: I001  (before anything of mmdet)

import importlib.util
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope

from projects.kmax.faults import FaultKind
from projects.kmax.panoptic_format import read_panoptic_png, write_panoptic_png

ROOT = Path(projects.kmax.__file__).parents[2]
CONFIG = """
_base_ = '{root}/configs/kmax/kmax_nano_shapes-panoptic.py'
train_dataloader = dict(dataset=dict(data_root='{folder}/'))
val_dataloader = dict(dataset=dict(data_root='{folder}/'))
test_dataloader = val_dataloader
val_evaluator = dict(
    _delete_=True,
    type='KMaXPanopticMetric',
    ann_file='{folder}/panoptic_val.json',
    seg_prefix='{folder}/panoptic_val',
)
test_evaluator = val_evaluator
model = dict(
    panoptic_head=dict(
        num_things_classes=1,
        num_stuff_classes={stuff},
        transformer_decoder=dict(num_queries=3),
    )
)
"""
CATEGORIES = [
    {'id': 1, 'name': 'cat', 'isthing': 1, 'color': [255, 0, 0]},
    {'id': 2, 'name': 'sky', 'isthing': 0, 'color': [0, 0, 255]},
]
SIZE = {'height': 20, 'width': 30}
SEGMENTS = [
    {'id': 70000, 'category_id': 1, 'iscrowd': 0, 'area': 200, 'bbox': [0, 0, 10, 20]},
    {'id': 5, 'category_id': 2, 'iscrowd': 0, 'area': 300, 'bbox': [10, 0, 15, 20]},
]
NUM_IMAGES = 23


def _write_split(folder, split, count, rng):
    ids = np.zeros((20, 30), np.int64)
    ids[:, :10], ids[:, 10:25] = 70000, 5
    (folder / split).mkdir(parents=True)
    names = [f'{number:02d}' for number in range(1, count + 1)]
    for name in names:
        image = rng.integers(0, 256, (20, 30, 3), np.uint8)
        cv2.imwrite(str(folder / split / f'{name}.jpg'), image)
        write_panoptic_png(folder / f'panoptic_{split}' / f'{name}.png', ids)
    content = {
        'images': [{'id': int(n), 'file_name': f'{n}.jpg', **SIZE} for n in names],
        'annotations': [
            {'image_id': int(n), 'file_name': f'{n}.png', 'segments_info': SEGMENTS} for n in names
        ],
        'categories': CATEGORIES,
    }
    (folder / f'panoptic_{split}.json').write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    _write_split(tmp_path, 'train', NUM_IMAGES, rng)
    _write_split(tmp_path, 'val', 1, rng)
    return tmp_path


@pytest.fixture
def check(folder, monkeypatch, capsys):
    """Return a function that runs the command; ``more`` is added to its config."""
    path = ROOT / 'tools' / 'check_dataset.py'
    spec = importlib.util.spec_from_file_location('check_dataset', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, 'SHOWN', 100)

    def run(*options, stuff=1, more='', draw=False):
        config = folder / 'config.py'
        config.write_text(CONFIG.format(root=ROOT, folder=folder, stuff=stuff) + more)
        report = folder / 'report.html'
        if not draw:  # Charts take most of the time.
            monkeypatch.setattr(module, 'write_report', lambda *args: None)
        arguments = ['check_dataset.py', config, '--out', report, '--workers', 1, *options]
        monkeypatch.setattr('sys.argv', [str(argument) for argument in arguments])
        with pytest.raises(SystemExit) as stopped:
            module.main()
        html = report.read_text() if report.exists() else ''
        return stopped.value.code, capsys.readouterr().out, html

    return run


class Planter:
    """Damages the training data, one image after the other."""

    def __init__(self, folder):
        self.folder = folder
        self.json = folder / 'panoptic_train.json'

    def image(self, number):
        return self.folder / 'train' / f'{number:02d}.jpg'

    def png(self, number):
        return self.folder / 'panoptic_train' / f'{number:02d}.png'

    def edit(self, number, change):
        """Change the annotation of an image."""
        content = json.loads(self.json.read_text())
        change(next(a for a in content['annotations'] if a['image_id'] == number))
        self.json.write_text(json.dumps(content))

    def segment(self, number, **values):
        self.edit(number, lambda a: a['segments_info'][0].update(values))

    def paint(self, number, change):
        """Change the ids of an image."""
        ids = read_panoptic_png(self.png(number), '').copy()
        write_panoptic_png(self.png(number), change(ids))

    def truncate(self, path):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])


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
    content = json.loads(plant.json.read_text())
    content['images'][number - 1]['width'] = 31
    plant.json.write_text(json.dumps(content))


def _plant_duplicate_image(plant, number):
    content = json.loads(plant.json.read_text())
    content['images'].append(content['images'][number - 1])
    plant.json.write_text(json.dumps(content))


def _plant_no_image(plant, number):
    content = json.loads(plant.json.read_text())
    content['images'] = [image for image in content['images'] if image['id'] != number]
    plant.json.write_text(json.dumps(content))


def _plant_no_annotation(plant, number):
    content = json.loads(plant.json.read_text())
    content['annotations'] = [a for a in content['annotations'] if a['image_id'] != number]
    plant.json.write_text(json.dumps(content))


def _plant_duplicate_annotation(plant, number):
    content = json.loads(plant.json.read_text())
    content['annotations'].append(content['annotations'][number - 1])
    plant.json.write_text(json.dumps(content))


def _plant_leak(plant, number):
    (plant.folder / 'val' / '01.jpg').write_bytes(plant.image(number).read_bytes())


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
        r'image 1 \(.*val/01\.jpg\) of .*val\.json is the same as image {n} \(.*/{name}\.jpg\) in',
    ),
}
# What can only be planted in the whole of a data set is tested below.
ALONE = {
    FaultKind.CONFIG,
    FaultKind.BROKEN_JSON,
    FaultKind.CATEGORIES,
    FaultKind.NOTHING_LEFT,
    FaultKind.NEVER_ANNOTATED,
}


def _message(kind, number):
    return re.compile(
        PLANTED[kind][1].replace('{n}', str(number)).replace('{name}', f'{number:02d}')
    )


def test_every_kind_of_fault_is_planted():
    assert set(PLANTED) | ALONE == set(FaultKind)


def test_no_fault_in_sound_data(check):
    code, printed, html = check(draw=True)
    assert code == 0
    assert 'no faults found' in printed
    assert 'No faults found.' in html
    assert html.count('data:image/jpeg;base64,') == 9  # 8 of 23 and 1 of 1
    assert html.count('data:image/png;base64,') == 2
    assert not re.search(r'(src|href)="(?!data:)', html)


def test_all_faults_are_found_in_one_run(folder, check):
    plant = Planter(folder)
    # Records are taken out last, where others are found by their place.
    taking = (FaultKind.NO_ANNOTATION, FaultKind.NO_IMAGE)
    kinds = sorted(PLANTED, key=lambda kind: kind in taking)
    for number, kind in enumerate(kinds, start=1):
        PLANTED[kind][0](plant, number)
    code, printed, html = check('--num-pictures', 2, draw=True)
    assert code == 1
    for number, kind in enumerate(kinds, start=1):
        block = printed.partition(f'\n{kind.value}: ')[2].partition('\n\n')[0]
        effect = 'stops training' if kind.stops_training else 'training goes on'
        assert f'({effect})' in block.splitlines()[0], kind
        assert _message(kind, number).search(block), (kind, block)
        assert f'<b>{kind.value}</b>' in html
    assert f' faults of {len(kinds)} kinds' in printed
    assert 'Faulty of train' in html


def _build(folder):
    init_default_scope('mmdet')
    return DATASETS.build(
        dict(
            type='KMaXPanopticDataset',
            data_root=str(folder),
            ann_file='panoptic_train.json',
            data_prefix=dict(img='train/', seg='panoptic_train/'),
            pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadPanopticIds')],
        )
    )


@pytest.mark.parametrize('kind', PLANTED, ids=lambda kind: kind.name.lower())
def test_training_stops_with_the_same_message_or_goes_on(kind, folder):
    PLANTED[kind][0](Planter(folder), 3)
    if not kind.stops_training:
        assert 'gt_seg_map' in _build(folder)[2]
        return
    with pytest.raises((OSError, ValueError), match=_message(kind, 3)):
        _build(folder)[2]


def _change_image(place, value):
    def change(content):
        if place is None:
            content['images'][2] = value
        else:
            content['images'][2][place] = value

    return change


def _change_annotation(place, value):
    return lambda content: content['annotations'][2].update({place: value})


def _change_segment(place, value):
    return lambda content: content['annotations'][2]['segments_info'][1].update({place: value})


SEGMENT = r'segment {} of image 3 \(03\.png\) in ' + JSON + ' has '
ANNOTATION = 'the annotation of image {} in ' + JSON + ' has '


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (_change_segment('id', 7.5), SEGMENT.format('7.5') + '"id": 7.5, which must be a whole'),
        (_change_segment('id', None), SEGMENT.format('None') + '"id": null, which must be a whole'),
        (_change_segment('category_id', [2]), SEGMENT.format('5') + r'"category_id": \[2\], which'),
        (_change_segment('bbox', None), SEGMENT.format('5') + '"bbox": null, which must be a list'),
        (_change_segment('bbox', [1, None]), SEGMENT.format('5') + r'"bbox": \[1, null\], which'),
        (_change_segment('area', '300'), SEGMENT.format('5') + '"area": "300", which must be a n'),
        (_change_segment('iscrowd', '0'), SEGMENT.format('5') + '"iscrowd": "0", which must be 0'),
        (
            _change_annotation('segments_info', [7]),
            r'segment number 0 of image 3 \(03\.png\) in ' + JSON + ' must be an object, but is 7',
        ),
        (
            _change_annotation('segments_info', None),
            ANNOTATION.format('3') + '"segments_info": null, which must be a list of objects',
        ),
        (_change_annotation('image_id', [3]), ANNOTATION.format(r'\[3\]') + r'"image_id": \[3\]'),
        (_change_annotation('file_name', 3), ANNOTATION.format('3') + '"file_name": 3, which must'),
        (_change_image(None, 7), 'image number 2 of ' + JSON + ' must be an object, but is 7'),
        (_change_image('id', 3.5), r'image 03\.jpg of ' + JSON + ' has "id": 3.5, which must be'),
        (_change_image('width', '30'), r'image 03\.jpg of ' + JSON + ' has "width": "30", which'),
    ],
)
def test_wrong_types_are_listed_and_stop_training(change, message, folder, check):
    path = folder / 'panoptic_train.json'
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    code, printed, _ = check()
    assert code == 1
    assert re.search(message, printed.partition(f'{FaultKind.WRONG_TYPE.value}: 1')[2])
    with pytest.raises(ValueError, match=message):
        _build(folder)


@pytest.mark.parametrize(
    ('field', 'value', 'message'),
    [
        ('images', {}, r'"images" of panoptic JSON .* must be a list of objects'),
        ('categories', [1], r'"categories" of panoptic JSON .* must be a list of objects'),
        ('categories', [dict(id=1, name=None, isthing=1)], 'has "name": null, which must be a str'),
    ],
)
def test_wrong_types_of_the_whole_are_reported(field, value, message, folder, check):
    path = folder / 'panoptic_train.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    code, printed, _ = check()
    assert code == 1
    assert re.search(message, printed)
    with pytest.raises(ValueError, match=message):
        _build(folder)


def test_images_with_a_fault_are_no_hindrance_to_workers(folder, check):
    Planter(folder).truncate(folder / 'train' / '03.jpg')
    code, printed, _ = check('--workers', 2, '--num-pictures', 0)
    assert code == 1
    assert '1 faults of 1 kinds' in printed


def test_class_without_segments_is_named(folder, check):
    for split in ('train', 'val'):
        path = folder / f'panoptic_{split}.json'
        content = json.loads(path.read_text())
        content['categories'].append({'id': 3, 'name': 'moon', 'isthing': 0})
        path.write_text(json.dumps(content))
    code, printed, html = check(stuff=2, draw=True)
    assert 'class="n zero"' in html
    assert code == 1
    assert re.search(r'no segment in .*panoptic_train\.json is of class "moon"', printed)
    assert '1 faults of 1 kinds' in printed


def test_class_counts_of_the_config_are_compared(check):
    code, printed, _ = check(stuff=4)
    assert code == 1
    assert re.search(r'num_stuff_classes=4, but .*train\.json has 1 thing and 1 stuff', printed)


def test_validation_segments_need_an_area(folder, check):
    path = folder / 'panoptic_val.json'
    content = json.loads(path.read_text())
    del content['annotations'][0]['segments_info'][0]['area']
    path.write_text(json.dumps(content))
    code, printed, _ = check()
    assert code == 1
    message = r"segment 70000 of image 1 \(01\.png\) in .*val\.json lacks the fields \['area'\]"
    assert re.search('missing field: 1.*\n.*' + message, printed)
    assert '1 faults of 1 kinds' in printed


def test_paths_of_the_evaluator_are_looked_at(folder, check):
    (folder / 'panoptic_val' / '01.png').unlink()
    code, printed, _ = check()
    assert code == 1
    assert 'holds no PNG of' in printed.partition('config and data differ: 1')[2]


def test_contradicting_categories_are_reported_and_images_still_read(folder, check):
    path = folder / 'panoptic_train.json'
    content = json.loads(path.read_text())
    content['categories'][0]['name'] = 'sky'
    path.write_text(json.dumps(content))
    (folder / 'train' / '04.jpg').unlink()
    code, printed, _ = check(draw=True)
    assert code == 1
    assert "has several categories with the name 'sky'" in printed
    assert 'train/04.jpg' in printed.partition('missing image: 1')[2]
    with pytest.raises(ValueError, match="several categories with the name 'sky'"):
        _build(folder)


@pytest.mark.parametrize(
    ('text', 'message'),
    [('{"images": [', 'is not valid JSON'), ('{"images": []}', 'lacks the fields')],
)
def test_unreadable_json_is_reported(text, message, folder, check):
    (folder / 'panoptic_train.json').write_text(text)
    code, printed, _ = check()
    assert code == 1
    assert re.search('unreadable panoptic JSON: 1.*\n.*train.json.*' + message, printed)


def test_json_without_images_is_reported(folder, check):
    empty = dict(images=[], annotations=[], categories=CATEGORIES)
    (folder / 'panoptic_train.json').write_text(json.dumps(empty))
    code, printed, _ = check()
    assert code == 1
    assert re.search(r'no image of .*panoptic_train\.json is left', printed)
    with pytest.raises(ValueError, match='no image of .*json is left'):
        _build(folder)


def test_names_are_escaped(folder, check):
    name = 'a<b>&.jpg'
    (folder / 'train' / '01.jpg').rename(folder / 'train' / name)
    path = folder / 'panoptic_train.json'
    content = json.loads(path.read_text())
    content['images'][0]['file_name'] = name
    path.write_text(json.dumps(content))
    assert 'a&lt;b&gt;&amp;.jpg' in check(draw=True)[2]


def test_config_without_panoptic_data_is_refused(folder, check):
    code, _, html = check(
        '--cfg-options', 'train_dataloader.dataset.type=CocoDataset', 'val_dataloader=None'
    )
    assert code == (
        'check_dataset.py: error: the config has no data set in COCO panoptic format to look at'
    )
    assert not html


def test_parts_of_wrapped_data_sets_are_all_read(folder, check):
    inner = dict(type='KMaXPanopticDataset', data_root=str(folder), ann_file='panoptic_train.json')
    inner['data_prefix'] = dict(img='train/', seg='panoptic_train/')
    other = {**inner, 'ann_file': 'panoptic_val.json'}
    other['data_prefix'] = dict(img='val/', seg='panoptic_val/')
    wrapped = dict(type='RepeatDataset', times=2, dataset=other)
    both = dict(type='ConcatDataset', datasets=[inner, wrapped])
    code, printed, _ = check(
        more=f'train_dataloader = dict(dataset=dict(_delete_=True, **{both!r}))'
    )
    assert code == 0
    assert re.search(r'\ntrain 1\n', printed)
    assert re.search(r'\ntrain 2\n.*panoptic_val\.json', printed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'things', 'stuff', 'queries', 'images', 'segments'),
    [('camvid_panoptic', 3, 8, 32, 367, 5010), ('nuclei_panoptic', 2, 2, 100, 410, 11626)],
)
def test_real_data_is_sound(name, things, stuff, queries, images, segments, real_data, check):
    root = real_data(name)
    loader = f"dict(dataset=dict(data_root='{root}/'))"
    evaluator = f"ann_file='{root}/panoptic_val.json', seg_prefix='{root}/panoptic_val'"
    code, printed, _ = check(
        more=f"""
train_dataloader = {loader}
val_dataloader = {loader}
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='KMaXPanopticMetric', {evaluator})
test_evaluator = val_evaluator
model['panoptic_head'].update(
    num_things_classes={things},
    num_stuff_classes={stuff},
    transformer_decoder=dict(num_queries={queries}),
)
"""
    )
    assert code == 0
    train = printed.partition('\ntrain\n')[2].partition('\nval\n')[0].split('\n')
    assert [f'{images}', f'{segments}'] == [train[1].split()[1], train[4].split()[1]]

"""Cityscapes: cityscapesScripts' conversion around which everything is checked."""

import importlib.util
import json
import sys
import types
import zipfile

import numpy as np
import pytest
from mmdet.registry import DATASETS

from projects.kmax.panoptic_format import write_panoptic_png


@pytest.fixture
def cityscapes(tmp_path, forge):
    """Road (7), sky (23), two cars (26) and a group of persons (24) in two cities."""
    downloads = tmp_path / 'downloads'
    for split, city in (('train', 'aachen'), ('val', 'lindau')):
        name = f'{city}_000000_000019'
        ids = np.full(forge.SIZE, 7, np.uint16)
        ids[:6], ids[6:8], ids[16:, :4] = 23, 3, 24
        ids[10:14, 4:8], ids[10:14, 12:16] = 26000, 26001
        forge.png(downloads / 'gtFine' / split / city / f'{name}_gtFine_instanceIds.png', ids)
        image = downloads / 'leftImg8bit' / split / city / f'{name}_leftImg8bit.png'
        forge.image(image, len(city))
    for name in ('gtFine', 'leftImg8bit'):
        (downloads / 'all').mkdir()
        (downloads / name).rename(downloads / 'all' / name)
        forge.pack(downloads / 'all', downloads / f'{name}_trainvaltest.zip')
    return downloads


needs_cityscapes = pytest.mark.skipif(
    importlib.util.find_spec('cityscapesscripts') is None
    or 'KMaXCityscapesPanopticDataset' not in DATASETS,
    reason='cityscapesScripts is not installed',
)


@needs_cityscapes
def test_cityscapes_is_converted_and_loads(cityscapes, out, convert, forge):
    code, printed = convert('cityscapes', cityscapes, out)
    assert (code, 'Cityscapes is ready' in printed) == (0, True)
    annotations = 'gtFine/cityscapes_panoptic_val'
    names = (f'{annotations}.json', 'leftImg8bit/val', annotations)
    dataset = forge.load('KMaXCityscapesPanopticDataset', out, *names)
    labels = [dataset.metainfo['classes'][i] for i in dataset[0]['gt_segment_labels']]
    assert sorted(labels) == ['car', 'car', 'road', 'sky']  # the group is a crowd
    whole = forge.files(out)
    assert convert('cityscapes', cityscapes, out)[0] == 0
    assert forge.files(out) == whole


@needs_cityscapes
def test_cityscapes_starts_again_after_an_interruption(cityscapes, out, convert, monkeypatch):
    from cityscapesscripts.preparation import createPanopticImgs

    create = createPanopticImgs.convert2panoptic

    def interrupted(*args, **kwargs):
        create(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(createPanopticImgs, 'convert2panoptic', interrupted)
    assert convert('cityscapes', cityscapes, out)[0] == 130
    assert not (out / 'gtFine' / 'cityscapes_panoptic_train.json').exists()
    monkeypatch.undo()
    assert convert('cityscapes', cityscapes, out)[0] == 0
    assert not list((out / 'gtFine').glob('.*'))


@pytest.fixture
def annotated_cityscapes(out, forge):
    """What createPanopticImgs leaves of one image each, and two images of the test server."""
    classes = DATASETS.get('KMaXCityscapesPanopticDataset').METAINFO
    categories = [
        dict(id=7 + n, name=name, isthing=int(name in classes['thing_classes']))
        for n, name in enumerate(['road', *(c for c in classes['classes'] if c != 'road')])
    ]
    height, width = forge.SIZE
    segment = dict(id=7, category_id=7, iscrowd=0, area=height * width, bbox=[0, 0, width, height])
    ids = np.full(forge.SIZE, 7, np.uint16)
    cities = dict(aachen='train', lindau='val', berlin='test', bonn='test')
    for city, split in cities.items():
        stem = f'{city}_000000_000019'
        forge.image(out / 'leftImg8bit' / split / city / f'{stem}_leftImg8bit.png')
        if split == 'test':
            continue
        png, image = f'{stem}_gtFine_panoptic.png', f'{stem}_gtFine_leftImg8bit.png'
        forge.png(out / 'gtFine' / split / city / f'{stem}_gtFine_instanceIds.png', ids)
        write_panoptic_png(out / 'gtFine' / f'cityscapes_panoptic_{split}' / png, ids)
        content = dict(
            images=[dict(id=stem, file_name=image, width=width, height=height)],
            annotations=[dict(image_id=stem, file_name=png, segments_info=[segment])],
            categories=categories,
        )
        (out / 'gtFine' / f'cityscapes_panoptic_{split}.json').write_text(json.dumps(content))


def test_cityscapes_lists_the_images_of_the_test_server(annotated_cityscapes, out, convert, forge):
    code, printed = convert('cityscapes', out, out)
    assert (code, 'Cityscapes is ready' in printed) == (0, True)
    path = out / 'gtFine' / 'cityscapes_panoptic_test.json'
    listed = json.loads(path.read_text())
    names = ['berlin_000000_000019', 'bonn_000000_000019']
    assert [image['id'] for image in listed['images']] == names
    assert 'annotations' not in listed
    categories = json.loads((path.parent / 'cityscapes_panoptic_val.json').read_text())
    assert listed['categories'] == categories['categories']
    dataset = DATASETS.build(
        dict(
            type='KMaXCityscapesPanopticDataset',
            ann_file=str(path),
            data_prefix=dict(img=str(out / 'leftImg8bit' / 'test')),
            pipeline=[dict(type='LoadImageFromFile')],
            test_mode=True,
        )
    )
    assert [dataset[i]['img_id'] for i in range(2)] == names
    assert dataset[0]['img'].shape == (*forge.SIZE, 3)


def test_cityscapes_names_a_damaged_test_image_and_lists_none(annotated_cityscapes, out, convert):
    path = out / 'leftImg8bit/test/bonn/bonn_000000_000019_leftImg8bit.png'
    path.write_bytes(b'')
    code, printed = convert('cityscapes', out, out)
    assert code == 'cityscapes.py: error: 1 files or annotations are faulty'
    assert f'image {path} is truncated or not an image' in printed
    assert not (out / 'gtFine' / 'cityscapes_panoptic_test.json').exists()


@pytest.mark.parametrize('part', ['leftImg8bit', 'gtFine'])
def test_cityscapes_says_what_to_download(part, cityscapes, out, tmp_path, convert):
    (cityscapes / f'{part}_trainvaltest.zip').unlink()
    code, printed = convert('cityscapes', cityscapes, out)
    assert code == 'cityscapes.py: error: 2 files or annotations are faulty'
    url = 'https://www.cityscapes-dataset.com/downloads/'
    for split in ('train', 'val'):
        assert (
            f'{out}/{part}/{split} is missing: download {part}_trainvaltest.zip from {url} into '
            f'{cityscapes}\n'
        ) in printed
    assert not list(tmp_path.rglob('*panoptic*'))


@pytest.mark.parametrize(
    'name',
    [
        'leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png',
        'gtFine/train/aachen/aachen_000000_000019_gtFine_instanceIds.png',
    ],
)
def test_cityscapes_names_a_missing_file(name, annotated_cityscapes, out, convert, forge):
    for stem in ('bremen/bremen_000001_000019', 'bochum/bochum_000001_000019'):
        forge.image(out / 'leftImg8bit' / 'train' / f'{stem}_leftImg8bit.png')
        grid = np.full(forge.SIZE, 7, np.uint16)
        forge.png(out / 'gtFine' / 'train' / f'{stem}_gtFine_instanceIds.png', grid)
    (out / name).unlink()
    code, printed = convert('cityscapes', out, out)
    assert code == 'cityscapes.py: error: 1 files or annotations are faulty'
    assert f'{out}/{name} is missing\n' in printed


def test_cityscapes_without_its_scripts_says_what_to_install(
    cityscapes, tmp_path, convert, monkeypatch
):
    for name in ('', '.preparation', '.preparation.createPanopticImgs'):
        monkeypatch.setitem(sys.modules, f'cityscapesscripts{name}', None)
    code, _ = convert('cityscapes', cityscapes, tmp_path / 'cityscapes')
    assert 'cityscapes_panoptic_train.json is missing; to make it, pip install cityscapes' in code
    assert not list(tmp_path.rglob('cityscapes_panoptic_*'))


def test_cityscapes_names_a_damaged_annotation(cityscapes, out, convert, monkeypatch):
    scripts = types.SimpleNamespace(convert2panoptic=None)
    for name in ('', '.preparation', '.preparation.createPanopticImgs'):
        monkeypatch.setitem(sys.modules, f'cityscapesscripts{name}', scripts)
    names = [
        'gtFine/train/aachen/aachen_000000_000019_gtFine_instanceIds.png',
        'gtFine/val/lindau/lindau_000000_000019_gtFine_instanceIds.png',
    ]
    with zipfile.ZipFile(cityscapes / 'gtFine_trainvaltest.zip', 'w') as content:
        for name in names:
            content.writestr(name, b'no image')
    code, printed = convert('cityscapes', cityscapes, out)
    for name in names:
        assert f'{out}/{name} is truncated or not an image' in printed
    assert 'delete what is damaged and start again' in printed
    assert code == 'cityscapes.py: error: 2 files or annotations are faulty'

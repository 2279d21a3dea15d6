"""Cityscapes: cityscapesScripts' conversion around which everything is checked."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)

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
        ids[:6], ids[6:8], ids[10:14, 4:8], ids[10:14, 12:16], ids[16:, :4] = (
            23,
            3,
            26000,
            26001,
            24,
        )
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
def test_cityscapes_is_converted_and_loads(cityscapes, tmp_path, convert, forge):
    out = tmp_path / 'cityscapes'
    code, printed = convert('cityscapes', cityscapes, out)
    assert (code, 'Cityscapes is ready' in printed) == (0, True)
    names = ('gtFine/cityscapes_panoptic_val.json', 'leftImg8bit/val')
    dataset = forge.load(
        'KMaXCityscapesPanopticDataset', out, *names, 'gtFine/cityscapes_panoptic_val'
    )
    labels = [dataset.metainfo['classes'][i] for i in dataset[0]['gt_segment_labels']]
    assert sorted(labels) == ['car', 'car', 'road', 'sky']  # the group is a crowd
    whole = forge.files(out)
    assert convert('cityscapes', cityscapes, out)[0] == 0
    assert forge.files(out) == whole


@needs_cityscapes
def test_cityscapes_starts_again_after_an_interruption(cityscapes, tmp_path, convert, monkeypatch):
    from cityscapesscripts.preparation import createPanopticImgs

    out = tmp_path / 'cityscapes'
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
def annotated_cityscapes(tmp_path, forge):
    """What createPanopticImgs leaves of one image each, and two images of the test server."""
    folder = tmp_path / 'cityscapes'
    names = dict(train=['aachen'], val=['lindau'], test=['berlin', 'bonn'])
    for split, cities in names.items():
        for city in cities:
            stem = f'{city}_000000_000019'
            forge.image(folder / 'leftImg8bit' / split / city / f'{stem}_leftImg8bit.png')
        if split == 'test':
            continue
        png = f'{stem}_gtFine_panoptic.png'
        instances = folder / 'gtFine' / split / city / f'{stem}_gtFine_instanceIds.png'
        forge.png(instances, np.full(forge.SIZE, 7, np.uint16))
        write_panoptic_png(
            folder / 'gtFine' / f'cityscapes_panoptic_{split}' / png,
            np.full(forge.SIZE, 7, np.uint16),
        )
        classes = DATASETS.get('KMaXCityscapesPanopticDataset').METAINFO
        categories = [
            dict(id=7 + n, name=name, isthing=int(name in classes['thing_classes']))
            for n, name in enumerate(['road', *(c for c in classes['classes'] if c != 'road')])
        ]
        segment = dict(
            id=7, category_id=7, area=forge.SIZE[0] * forge.SIZE[1], bbox=[0, 0, *forge.SIZE[::-1]]
        )
        image = dict(id=stem, width=forge.SIZE[1], height=forge.SIZE[0])
        content = dict(
            images=[dict(image, file_name=f'{stem}_gtFine_leftImg8bit.png')],
            annotations=[
                dict(image_id=stem, file_name=png, segments_info=[dict(segment, iscrowd=0)])
            ],
            categories=categories,
        )
        (folder / 'gtFine' / f'cityscapes_panoptic_{split}.json').write_text(json.dumps(content))
    return folder


def test_cityscapes_lists_the_images_of_the_test_server(annotated_cityscapes, convert, forge):
    out = annotated_cityscapes
    code, printed = convert('cityscapes', out, out)
    assert (code, 'Cityscapes is ready' in printed) == (0, True)
    path = out / 'gtFine' / 'cityscapes_panoptic_test.json'
    listed = json.loads(path.read_text())
    assert [image['id'] for image in listed['images']] == [
        'berlin_000000_000019',
        'bonn_000000_000019',
    ]
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
    assert [dataset[i]['img_id'] for i in range(2)] == [i['id'] for i in listed['images']]
    assert dataset[0]['img'].shape == (*forge.SIZE, 3)


def test_cityscapes_names_a_damaged_test_image_and_lists_none(annotated_cityscapes, convert):
    out = annotated_cityscapes
    path = out / 'leftImg8bit/test/bonn/bonn_000000_000019_leftImg8bit.png'
    path.write_bytes(b'')
    code, printed = convert('cityscapes', out, out)
    assert code == 'cityscapes.py: error: 1 files or annotations are faulty'
    assert f'image {path} is truncated or not an image' in printed
    assert not (out / 'gtFine' / 'cityscapes_panoptic_test.json').exists()


@pytest.mark.parametrize('part', ['leftImg8bit', 'gtFine'])
def test_cityscapes_says_what_to_download(part, cityscapes, tmp_path, convert):
    (cityscapes / f'{part}_trainvaltest.zip').unlink()
    out = tmp_path / 'cityscapes'
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
def test_cityscapes_names_a_missing_file(name, annotated_cityscapes, convert, forge):
    out = annotated_cityscapes
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


def test_cityscapes_names_a_damaged_annotation(cityscapes, tmp_path, convert, monkeypatch):
    scripts = types.SimpleNamespace(convert2panoptic=None)
    for name in ('', '.preparation', '.preparation.createPanopticImgs'):
        monkeypatch.setitem(sys.modules, f'cityscapesscripts{name}', scripts)
    out = tmp_path / 'cityscapes'
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

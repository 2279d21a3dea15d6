"""Tiny trees in the layouts of the official downloads become data sets that load."""

import projects.kmax  # noqa: I001  (before anything of mmdet)

import ast
import importlib.util
import json
import shutil
import sys
import tarfile
import time
import types
import zipfile
from pathlib import Path

import cv2
import mmdet
import numpy as np
import pytest
from mmdet.datasets import ADE20KPanopticDataset
from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope

from projects.kmax.dataset_preparation.ade20k import categories, find_instances
from projects.kmax.panoptic_format import read_panoptic_png, write_panoptic_png

ROOT = Path(projects.kmax.__file__).parents[2]
SIZE = (24, 32)


@pytest.fixture
def convert(monkeypatch, capsys):
    """Return a function that runs a converter and returns its exit status and what it printed."""

    def run(tool, *arguments):
        path = ROOT / 'tools' / 'dataset_converters' / f'{tool}.py'
        spec = importlib.util.spec_from_file_location(f'kmax_{tool}', path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        arguments = [f'{tool}.py', *map(str, arguments), '--workers', '1']
        monkeypatch.setattr(sys, 'argv', arguments)
        try:
            module.main()
            code = 0
        except SystemExit as stopped:
            code = stopped.code
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def _write_image(path, seed=0, value=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
    cv2.imwrite(str(path), image if value is None else np.full_like(image, value))


def _write_png(path, grid):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), grid)


def _pack(folder, archive):
    files = [path for path in sorted(folder.rglob('*')) if path.is_file()]
    if archive.suffix == '.tar':
        with tarfile.open(archive, 'w') as content:
            for path in files:
                content.add(path, path.relative_to(folder))
    else:
        with zipfile.ZipFile(archive, 'w') as content:
            for path in files:
                content.write(path, path.relative_to(folder))
    shutil.rmtree(folder)


def _load(name, root, ann_file, img, seg):
    init_default_scope('mmdet')
    cfg = dict(type=name, data_root=str(root), ann_file=ann_file)
    cfg['data_prefix'] = dict(img=img, seg=seg)
    cfg['pipeline'] = [dict(type='LoadImageFromFile'), dict(type='LoadPanopticIds')]
    return DATASETS.build(cfg)


def _files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


# ---- COCO ----


@pytest.fixture
def coco(tmp_path):
    """The archives, the PNGs in archives of their own within the one of the annotations."""
    from mmdet.datasets import CocoPanopticDataset

    meta = CocoPanopticDataset.METAINFO
    known = [
        dict(id=n, name=name, isthing=int(name in meta['thing_classes']))
        for n, name in enumerate(meta['classes'], start=1)
    ]
    downloads = tmp_path / 'downloads'
    for split, number in (('train', 9), ('val', 139)):
        name = f'{number:012d}'
        _write_image(downloads / 'images' / f'{split}2017' / f'{name}.jpg', number)
        _pack(downloads / 'images', downloads / f'{split}2017.zip')
        pngs = downloads / 'pngs'
        ids = np.repeat([[300, 0], [300, 8000]], 12, 0).repeat(16, 1)
        write_panoptic_png(pngs / f'panoptic_{split}2017' / f'{name}.png', ids)
        annotations = downloads / 'all' / 'annotations'
        annotations.mkdir(parents=True, exist_ok=True)
        _pack(pngs, annotations / f'panoptic_{split}2017.zip')
        segments = [dict(id=300, category_id=1), dict(id=8000, category_id=90)]
        annotation = dict(image_id=number, file_name=f'{name}.png', segments_info=segments)
        image = dict(id=number, file_name=f'{name}.jpg', height=SIZE[0], width=SIZE[1])
        content = dict(images=[image], annotations=[annotation], categories=known)
        (annotations / f'panoptic_{split}2017.json').write_text(json.dumps(content))
    _pack(downloads / 'all', downloads / 'panoptic_annotations_trainval2017.zip')
    return downloads


def test_coco_is_unpacked_and_loads(coco, tmp_path, convert):
    out = tmp_path / 'coco'
    code, printed = convert('coco', coco, out)
    assert (code, 'train: 1 images' in printed, 'COCO is ready' in printed) == (0, True, True)
    names = ('annotations/panoptic_val2017.json', 'val2017', 'annotations/panoptic_val2017')
    sample = _load('KMaXCocoPanopticDataset', out, *names)[0]
    assert np.unique(sample['gt_seg_map']).tolist() == [0, 1, 2]
    before = {path: path.stat().st_mtime_ns for path in out.rglob('*') if path.is_file()}
    assert convert('coco', coco, out)[0] == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_coco_goes_on_after_an_interruption(coco, tmp_path, convert):
    out = tmp_path / 'coco'
    convert('coco', coco, out)
    whole = _files(out)
    image = out / 'train2017' / '000000000009.jpg'
    image.write_bytes(image.read_bytes()[:50])
    (out / 'annotations/panoptic_val2017/000000000139.png').unlink()
    assert convert('coco', coco, out)[0] == 0
    assert _files(out) == whole


def test_coco_says_what_is_missing(coco, tmp_path, convert):
    (coco / 'val2017.zip').unlink()
    out = tmp_path / 'coco'
    code, printed = convert('coco', coco, out)
    assert code == 'coco.py: error: 1 files or annotations are faulty'
    url = 'http://images.cocodataset.org/zips/val2017.zip'
    assert f'{out}/val2017 is missing: download {url} into {coco}' in printed
    assert convert('coco', coco, out, '--splits', 'train')[0] == 0


def test_coco_names_a_damaged_archive_and_a_damaged_file(coco, tmp_path, convert):
    archive, out = coco / 'val2017.zip', tmp_path / 'coco'
    sound = archive.read_bytes()
    archive.write_bytes(sound[: len(sound) // 2])
    code, _ = convert('coco', coco, out)
    assert code.startswith(f'coco.py: error: archive {archive} is damaged, download it again')
    archive.unlink()
    (out / 'val2017').mkdir(parents=True)
    (out / 'val2017' / '000000000139.jpg').write_bytes(sound[:40])
    code, printed = convert('coco', coco, out)
    assert code == 'coco.py: error: 1 files or annotations are faulty'
    assert 'val2017/000000000139.jpg' in printed


def test_coco_links_folders_and_reads_unlabeled_images(coco, tmp_path, convert):
    _write_image(coco / 'unlabeled2017' / '000000000008.jpg', 8)
    out = tmp_path / 'coco'
    assert convert('coco', coco, out, '--splits', 'train', 'val', 'unlabeled')[0] == 0
    assert (out / 'unlabeled2017').is_symlink()
    (coco / 'unlabeled2017' / '000000000010.jpg').write_bytes(b'')
    code, printed = convert('coco', coco, out, '--splits', 'unlabeled')
    assert code == 'coco.py: error: 1 files or annotations are faulty'
    assert f'{out}/unlabeled2017/000000000010.jpg is truncated or not an image' in printed


def test_archives_cannot_write_elsewhere(coco, tmp_path, convert):
    with zipfile.ZipFile(coco / 'train2017.zip', 'a') as content:
        content.writestr('../elsewhere', 'x')
    code, _ = convert('coco', coco, tmp_path / 'coco')
    assert 'train2017.zip names ../elsewhere, outside of its folder' in code
    assert not (tmp_path / 'elsewhere').exists()


# ---- unlabeled images ----


def test_unlabeled_images_are_listed(tmp_path, convert):
    for name in ('000000000008.jpg', '000000000012.png', '.000000000013.jpg.7.7'):
        _write_image(tmp_path / 'images' / 'a.png', 1)
        (tmp_path / 'images' / 'a.png').rename(tmp_path / 'images' / name)
    out = tmp_path / 'unlabeled.json'
    code, printed = convert('unlabeled', tmp_path / 'images', out)
    assert (code, '2 images are listed' in printed) == (0, True)
    content = json.loads(out.read_text())
    assert content['images'] == [
        dict(id=8, file_name='000000000008.jpg', width=32, height=24),
        dict(id=12, file_name='000000000012.png', width=32, height=24),
    ]
    init_default_scope('mmdet')
    cfg = dict(type='KMaXCocoPanopticDataset', ann_file=str(out), test_mode=True, pipeline=[])
    assert len(DATASETS.build({**cfg, 'data_prefix': dict(img=str(tmp_path / 'images'))})) == 2


def test_unlabeled_names_a_damaged_image_and_writes_nothing(tmp_path, convert):
    _write_image(tmp_path / 'images' / 'b' / 'one.jpg')
    (tmp_path / 'images' / 'two.jpg').write_bytes(b'no image')
    out = tmp_path / 'unlabeled.json'
    code, printed = convert('unlabeled', tmp_path / 'images', out)
    assert code == 'unlabeled.py: error: 1 files or annotations are faulty'
    assert 'images/two.jpg is truncated or not an image' in printed
    assert not out.exists()
    code, _ = convert('unlabeled', tmp_path / 'absent', out)
    assert code == f'unlabeled.py: error: {tmp_path}/absent is not a folder of images'


# ---- ADE20K ----


@pytest.fixture
def ade20k(tmp_path):
    """Wall (class 1) and sky (3), a bed (8, instance category 1) and two persons (13, 4)."""
    downloads = tmp_path / 'downloads'
    data, tar = downloads / 'zip', downloads / 'tar'
    for folder, split in (('training', 'train'), ('validation', 'val')):
        name = f'ADE_{split}_00000001'
        semantic = np.zeros(SIZE, np.uint8)
        semantic[:12], semantic[12:, :16] = 1, 3
        semantic[4:8, 4:8], semantic[14:18, 10:14], semantic[16:, 20:24] = 8, 13, 13
        instance = np.zeros((*SIZE, 3), np.uint8)  # BGR: -, number, category
        instance[4:8, 4:8] = 0, 1, 1
        instance[14:18, 10:14] = 0, 2, 4
        instance[14:20, 20:24] = 0, 3, 4  # beyond its class in the scene parsing
        root = data / 'ADEChallengeData2016'
        _write_image(root / 'images' / folder / f'{name}.jpg', len(split))
        _write_png(root / 'annotations' / folder / f'{name}.png', semantic)
        _write_png(tar / 'annotations_instance' / folder / f'{name}.png', instance)
    _pack(data, downloads / 'ADEChallengeData2016.zip')
    _pack(tar, downloads / 'annotations_instance.tar')
    return downloads


def test_ade20k_is_converted_and_loads(ade20k, tmp_path, convert):
    out = tmp_path / 'ade'
    code, printed = convert('ade20k', ade20k, out)
    assert (code, 'ADE20K is ready' in printed) == (0, True)
    # 16 + 16 + 16 of 16 + 16 + 24 pixels
    assert 'training: 85.7 % of the pixels of things' in printed
    content = json.loads((out / 'ade20k_panoptic_val.json').read_text())
    assert content['images'] == [
        dict(id='ADE_val_00000001', file_name='ADE_val_00000001.jpg', width=32, height=24)
    ]
    [annotation] = content['annotations']
    found = {(s['category_id'], s['area'], *s['bbox']) for s in annotation['segments_info']}
    assert found == {
        (0, 12 * 32 - 16, 0, 0, 32, 12),  # wall
        (2, 12 * 16 - 16, 0, 12, 16, 12),  # sky
        (7, 16, 4, 4, 4, 4),  # bed
        (12, 16, 10, 14, 4, 4),  # persons
        (12, 24, 20, 14, 4, 6),
    }
    ids = read_panoptic_png(out / 'ade20k_panoptic_val' / annotation['file_name'], '')
    assert len(np.unique(ids)) == 6 and (ids[20:, 20:24] == 0).all()
    names = ('ade20k_panoptic_val.json', 'images/validation', 'ade20k_panoptic_val')
    for dataset in ('KMaXPanopticDataset', 'KMaXADE20KPanopticDataset'):
        if dataset in DATASETS:
            loaded = _load(dataset, out, *names)
            labels = [loaded.metainfo['classes'][i] for i in loaded[0]['gt_segment_labels']]
            assert sorted(labels) == ['bed', 'person', 'person', 'sky', 'wall']


def test_categories_are_those_of_the_public_scripts():
    # The list of mmdet's own script, which is not in its package.
    path = Path(mmdet.__file__).parent / '.mim/tools/dataset_converters/ade20k2coco.py'
    if not path.exists():
        pytest.skip(f'{path} is not installed')
    assigned = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign)]
    names = next(n for n in assigned if n.targets[0].id == 'ORIGINAL_CATEGORIES')
    ours = categories()
    assert [category['name'] for category in ours] == ast.literal_eval(names.value)
    things = [category['name'] for category in ours if category['isthing']]
    assert things == list(ADE20KPanopticDataset.METAINFO['thing_classes'])
    # "1 8", "4 13" and "100 150" of the challenge's categoryMapping.txt
    assert [things.index(name) + 1 for name in ('bed', 'person', 'flag')] == [1, 4, 100]


def test_stuff_hidden_by_things_keeps_its_area_unless_nothing_of_it_shows(
    ade20k, tmp_path, convert
):
    out = tmp_path / 'ade'
    convert('ade20k', ade20k, out)
    folder = 'validation/ADE_val_00000001.png'
    semantic = np.zeros(SIZE, np.uint8)
    semantic[:, :8], semantic[:4, 8:12] = 1, 3
    instance = np.zeros((*SIZE, 3), np.uint8)
    instance[:4, 4:12] = 0, 9, 4
    semantic[8:, 16:], instance[8:, 16:] = 13, (0, 10, 4)
    _write_png(out / 'annotations' / folder, semantic)
    _write_png(out / 'annotations_instance' / folder, instance)
    (tmp_path / 'none').mkdir()
    assert convert('ade20k', tmp_path / 'none', out)[0] == 0
    [annotation] = json.loads((out / 'ade20k_panoptic_val.json').read_text())['annotations']
    found = [(s['category_id'], s['area']) for s in annotation['segments_info']]
    assert found == [(0, 24 * 8), (12, 32), (12, 256)]


def _damage(out):
    (out / 'annotations_instance/training/ADE_train_00000001.png').unlink()


def _truncate(out):
    path = out / 'annotations/training/ADE_train_00000001.png'
    path.write_bytes(path.read_bytes()[:60])


def _resize(out):
    path = out / 'annotations/training/ADE_train_00000001.png'
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[:, 1:])


def _mix(out):
    path = out / 'annotations_instance/training/ADE_train_00000001.png'
    grid = cv2.imread(str(path))
    grid[0, 0] = 0, 1, 5
    cv2.imwrite(str(path), grid)


def _exceed(out):
    path = out / 'annotations_instance/training/ADE_train_00000001.png'
    grid = cv2.imread(str(path))
    grid[0, 0] = 0, 77, 101
    cv2.imwrite(str(path), grid)


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (_damage, 'annotations_instance/training/ADE_train_00000001.png is missing'),
        (_truncate, 'annotations/training/ADE_train_00000001.png is damaged or not a PNG of grey'),
        (_resize, 'ADE_train_00000001.png is 31x24 pixels, but its image is 32x24'),
        (_mix, 'instance 1 of '),
        (_exceed, 'instance 77 of '),
    ],
)
def test_ade20k_names_damaged_files_and_writes_no_json(damage, message, ade20k, tmp_path, convert):
    out = tmp_path / 'ade'
    convert('ade20k', ade20k, out)
    damage(out)
    (tmp_path / 'none').mkdir()
    code, printed = convert('ade20k', tmp_path / 'none', out)
    assert code.startswith('ade20k.py: error: ') and code.endswith('annotations are faulty')
    assert message in printed
    assert not (out / 'ade20k_panoptic_train.json').exists()
    assert (out / 'ade20k_panoptic_val.json').exists()


def test_ade20k_refuses_instances_of_other_images(ade20k, tmp_path, convert):
    out = tmp_path / 'ade'
    convert('ade20k', ade20k, out)
    for path in (out / 'annotations_instance').rglob('*.png'):
        grid = cv2.imread(str(path))
        cv2.imwrite(str(path), np.ascontiguousarray(grid[::-1]))
    (tmp_path / 'none').mkdir()
    code, _ = convert('ade20k', tmp_path / 'none', out)
    assert 'annotations_instance/training does not belong to' in code
    assert not (out / 'ade20k_panoptic_train.json').exists()


def test_instances_of_ade20k_are_found_without_sorting_all_pixels():
    rng = np.random.default_rng(0)
    instance = rng.integers(0, 256, (400, 500, 3), np.uint8)
    started = time.process_time()
    pairs = np.unique(instance[..., 2:0:-1].reshape(-1, 2), axis=0)
    sorted_ = time.process_time()
    found = find_instances(instance)
    assert (time.process_time() - sorted_) * 5 < sorted_ - started
    assert np.array_equal(found, pairs[pairs[:, 1] > 0])


def test_ade20k_names_absent_downloads(tmp_path, convert):
    code, _ = convert('ade20k', tmp_path, tmp_path / 'ade')
    assert 'ADEChallengeData2016.zip and annotations_instance.tar or what was in them' in code


# ---- Cityscapes ----


@pytest.fixture
def cityscapes(tmp_path):
    """Road (7), sky (23), two cars (26) and a group of persons (24) in two cities."""
    downloads = tmp_path / 'downloads'
    for split, city in (('train', 'aachen'), ('val', 'lindau')):
        name = f'{city}_000000_000019'
        ids = np.full(SIZE, 7, np.uint16)
        ids[:6], ids[6:8], ids[10:14, 4:8], ids[10:14, 12:16], ids[16:, :4] = (
            23,
            3,
            26000,
            26001,
            24,
        )
        _write_png(downloads / 'gtFine' / split / city / f'{name}_gtFine_instanceIds.png', ids)
        image = downloads / 'leftImg8bit' / split / city / f'{name}_leftImg8bit.png'
        _write_image(image, len(city))
    for name in ('gtFine', 'leftImg8bit'):
        (downloads / 'all').mkdir()
        (downloads / name).rename(downloads / 'all' / name)
        _pack(downloads / 'all', downloads / f'{name}_trainvaltest.zip')
    return downloads


needs_cityscapes = pytest.mark.skipif(
    importlib.util.find_spec('cityscapesscripts') is None
    or 'KMaXCityscapesPanopticDataset' not in DATASETS,
    reason='cityscapesScripts is not installed',
)


@needs_cityscapes
def test_cityscapes_is_converted_and_loads(cityscapes, tmp_path, convert):
    out = tmp_path / 'cityscapes'
    code, printed = convert('cityscapes', cityscapes, out)
    assert (code, 'Cityscapes is ready' in printed) == (0, True)
    names = ('gtFine/cityscapes_panoptic_val.json', 'leftImg8bit/val')
    dataset = _load('KMaXCityscapesPanopticDataset', out, *names, 'gtFine/cityscapes_panoptic_val')
    labels = [dataset.metainfo['classes'][i] for i in dataset[0]['gt_segment_labels']]
    assert sorted(labels) == ['car', 'car', 'road', 'sky']  # the group is a crowd
    whole = _files(out)
    assert convert('cityscapes', cityscapes, out)[0] == 0
    assert _files(out) == whole


@needs_cityscapes
def test_cityscapes_starts_again_after_an_interruption(cityscapes, tmp_path, convert, monkeypatch):
    from cityscapesscripts.preparation import createPanopticImgs

    out = tmp_path / 'cityscapes'
    create = createPanopticImgs.convert2panoptic

    def interrupted(*args, **kwargs):
        create(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(createPanopticImgs, 'convert2panoptic', interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert('cityscapes', cityscapes, out)
    assert not (out / 'gtFine' / 'cityscapes_panoptic_train.json').exists()
    monkeypatch.undo()
    assert convert('cityscapes', cityscapes, out)[0] == 0
    assert not list((out / 'gtFine').glob('.*'))


@pytest.fixture
def annotated_cityscapes(tmp_path):
    """What createPanopticImgs leaves of one image each, and two images of the test server."""
    folder = tmp_path / 'cityscapes'
    names = dict(train=['aachen'], val=['lindau'], test=['berlin', 'bonn'])
    for split, cities in names.items():
        for city in cities:
            stem = f'{city}_000000_000019'
            _write_image(folder / 'leftImg8bit' / split / city / f'{stem}_leftImg8bit.png')
        if split == 'test':
            continue
        png = f'{stem}_gtFine_panoptic.png'
        instances = folder / 'gtFine' / split / city / f'{stem}_gtFine_instanceIds.png'
        _write_png(instances, np.full(SIZE, 7, np.uint16))
        write_panoptic_png(
            folder / 'gtFine' / f'cityscapes_panoptic_{split}' / png, np.full(SIZE, 7, np.uint16)
        )
        classes = DATASETS.get('KMaXCityscapesPanopticDataset').METAINFO
        categories = [
            dict(id=7 + n, name=name, isthing=int(name in classes['thing_classes']))
            for n, name in enumerate(['road', *(c for c in classes['classes'] if c != 'road')])
        ]
        segment = dict(id=7, category_id=7, area=SIZE[0] * SIZE[1], bbox=[0, 0, *SIZE[::-1]])
        image = dict(id=stem, width=SIZE[1], height=SIZE[0])
        content = dict(
            images=[dict(image, file_name=f'{stem}_gtFine_leftImg8bit.png')],
            annotations=[
                dict(image_id=stem, file_name=png, segments_info=[dict(segment, iscrowd=0)])
            ],
            categories=categories,
        )
        (folder / 'gtFine' / f'cityscapes_panoptic_{split}.json').write_text(json.dumps(content))
    return folder


def test_cityscapes_lists_the_images_of_the_test_server(annotated_cityscapes, convert):
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
    assert dataset[0]['img'].shape == (*SIZE, 3)


def test_cityscapes_names_a_damaged_test_image_and_lists_none(annotated_cityscapes, convert):
    out = annotated_cityscapes
    path = out / 'leftImg8bit/test/bonn/bonn_000000_000019_leftImg8bit.png'
    path.write_bytes(b'')
    code, printed = convert('cityscapes', out, out)
    assert code == 'cityscapes.py: error: 1 files or annotations are faulty'
    assert f'image {path} is truncated or not an image' in printed
    assert not (out / 'gtFine' / 'cityscapes_panoptic_test.json').exists()


def test_cityscapes_names_missing_files(cityscapes, tmp_path, convert):
    out = tmp_path / 'cityscapes'
    with zipfile.ZipFile(cityscapes / 'leftImg8bit_trainvaltest.zip', 'w'):
        pass
    code, printed = convert('cityscapes', cityscapes, out)
    assert code == 'cityscapes.py: error: 2 files or annotations are faulty'
    image = 'leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png'
    assert f'{out}/{image} is missing' in printed
    code, printed = convert('cityscapes', tmp_path / 'cityscapes', tmp_path / 'other')
    assert 'leftImg8bit/val/lindau' in printed


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
    path = (
        cityscapes / 'gtFine' / 'train' / 'aachen' / 'aachen_000000_000019_gtFine_instanceIds.png'
    )
    with zipfile.ZipFile(cityscapes / 'gtFine_trainvaltest.zip', 'w') as content:
        content.writestr(str(path.relative_to(cityscapes)), b'no image')
    code, printed = convert('cityscapes', cityscapes, out)
    assert f'{out}/gtFine/train/aachen/{path.name} is truncated or not an image' in printed
    assert code.startswith('cityscapes.py: error: ')

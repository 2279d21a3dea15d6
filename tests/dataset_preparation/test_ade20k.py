"""ADE20K: scene parsing and instances become panoptic annotations."""

import ast
import json
import time
from pathlib import Path

import cv2
import mmdet
import numpy as np
import pytest
from mmdet.datasets import ADE20KPanopticDataset
from mmdet.registry import DATASETS

from projects.kmax.dataset_preparation.ade20k import categories, find_instances
from projects.kmax.panoptic_format import read_panoptic_png


@pytest.fixture
def ade20k(tmp_path, forge):
    """Wall (class 1) and sky (3), a bed (8, instance category 1) and two persons (13, 4)."""
    downloads = tmp_path / 'downloads'
    data, tar = downloads / 'zip', downloads / 'tar'
    for folder, split in (('training', 'train'), ('validation', 'val')):
        name = f'ADE_{split}_00000001'
        semantic = np.zeros(forge.SIZE, np.uint8)
        semantic[:12], semantic[12:, :16] = 1, 3
        semantic[4:8, 4:8], semantic[14:18, 10:14], semantic[16:, 20:24] = 8, 13, 13
        instance = np.zeros((*forge.SIZE, 3), np.uint8)  # BGR: -, number, category
        instance[4:8, 4:8] = 0, 1, 1
        instance[14:18, 10:14] = 0, 2, 4
        instance[14:20, 20:24] = 0, 3, 4  # beyond its class in the scene parsing
        root = data / 'ADEChallengeData2016'
        forge.image(root / 'images' / folder / f'{name}.jpg', len(split))
        forge.png(root / 'annotations' / folder / f'{name}.png', semantic)
        forge.png(tar / 'annotations_instance' / folder / f'{name}.png', instance)
    forge.pack(data, downloads / 'ADEChallengeData2016.zip')
    forge.pack(tar, downloads / 'annotations_instance.tar')
    return downloads


def test_ade20k_is_converted_and_loads(ade20k, out, convert, forge):
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
            loaded = forge.load(dataset, out, *names)
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


@pytest.fixture
def convert_again(ade20k, out, tmp_path, convert):
    """Convert, and return a function that does so again without the downloads."""
    convert('ade20k', ade20k, out)
    (tmp_path / 'none').mkdir()
    return lambda: convert('ade20k', tmp_path / 'none', out)


def test_stuff_hidden_by_things_keeps_its_area_unless_nothing_of_it_shows(
    out, convert_again, forge
):
    name = 'validation/ADE_val_00000001.png'
    semantic = np.zeros(forge.SIZE, np.uint8)
    semantic[:, :8], semantic[:4, 8:12] = 1, 3
    instance = np.zeros((*forge.SIZE, 3), np.uint8)
    instance[:4, 4:12] = 0, 9, 4
    semantic[8:, 16:], instance[8:, 16:] = 13, (0, 10, 4)
    forge.png(out / 'annotations' / name, semantic)
    forge.png(out / 'annotations_instance' / name, instance)
    assert convert_again()[0] == 0
    [annotation] = json.loads((out / 'ade20k_panoptic_val.json').read_text())['annotations']
    found = [(s['category_id'], s['area']) for s in annotation['segments_info']]
    assert found == [(0, 24 * 8), (12, 32), (12, 256)]


def _rewrite(change):
    """Return what changes the array of a PNG."""

    def rewrite(path):
        grid = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), np.ascontiguousarray(change(grid)))

    return rewrite


def _set_pixel(*value):
    def change(grid):
        grid[0, 0] = value
        return grid

    return _rewrite(change)


PNG = 'training/ADE_train_00000001.png'


@pytest.mark.parametrize(
    ('part', 'damage', 'message'),
    [
        ('annotations_instance', Path.unlink, f'annotations_instance/{PNG} is missing'),
        (
            'annotations',
            lambda path: path.write_bytes(path.read_bytes()[:60]),
            f'annotations/{PNG} is truncated or not an image',
        ),
        (
            'annotations',
            _rewrite(lambda grid: grid[:, 1:]),
            'ADE_train_00000001.png is 31x24 pixels, but its image is 32x24',
        ),
        ('annotations_instance', _set_pixel(0, 1, 5), 'instance 1 of '),
        ('annotations_instance', _set_pixel(0, 77, 101), 'instance 77 of '),
    ],
)
def test_ade20k_names_damaged_files_and_writes_no_json(part, damage, message, out, convert_again):
    damage(out / part / PNG)
    code, printed = convert_again()
    assert code.startswith('ade20k.py: error: ') and code.endswith('annotations are faulty')
    assert message in printed
    assert not (out / 'ade20k_panoptic_train.json').exists()
    assert (out / 'ade20k_panoptic_val.json').exists()


def test_ade20k_refuses_instances_of_other_images(out, convert_again):
    for path in (out / 'annotations_instance').rglob('*.png'):
        _rewrite(lambda grid: grid[::-1])(path)
    code, _ = convert_again()
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


# Of every archive where it is from and what is in it.
ARCHIVES = {
    'ADEChallengeData2016.zip': (
        'http://data.csail.mit.edu/places/ADEchallenge',
        ('images', 'annotations'),
    ),
    'annotations_instance.tar': (
        'http://sceneparsing.csail.mit.edu/data/ChallengeData2017',
        ('annotations_instance',),
    ),
}


@pytest.mark.parametrize('archive', ARCHIVES)
def test_ade20k_says_what_to_download(archive, ade20k, out, convert):
    url, parts = ARCHIVES[archive]
    (ade20k / archive).unlink()
    code, printed = convert('ade20k', ade20k, out)
    assert code == f'ade20k.py: error: {2 * len(parts)} files or annotations are faulty'
    for part in parts:
        for split in ('training', 'validation'):
            message = f'{out}/{part}/{split} is missing: download {url}/{archive} into {ade20k}\n'
            assert message in printed
    assert not list(out.glob('ade20k_panoptic*'))


@pytest.mark.parametrize('archive', ARCHIVES)
def test_ade20k_names_a_truncated_archive(archive, ade20k, out, tmp_path, convert):
    path = ade20k / archive
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    code, _ = convert('ade20k', ade20k, out)
    assert code.startswith(f'ade20k.py: error: archive {path} is damaged, download it again: ')
    assert not list(tmp_path.rglob('ade20k_panoptic*'))

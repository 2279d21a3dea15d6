"""What becomes of overlaps, of maps of all kinds, and of what cannot be kept."""

import json
from functools import partial

import cv2
import numpy as np
import pytest
from exports import result
from helpers import run_command
from outlines import box
from PIL import Image
from pycocotools import mask as coco_mask

from projects.kmax.importing.rasters import rasterise
from projects.kmax.importing.source import Polygons
from projects.kmax.importing.splitting import choose_validation


@pytest.fixture
def ids_of():
    """Return a function from an output and the name of an image to its map of class names."""

    def read(out, name, split='train'):
        found = result(out, split)
        annotation = next(
            a for a in found.annotations if found.images[a['image_id']]['file_name'] == name
        )
        names = {0: ''} | {
            s['id']: found.categories[s['category_id']]['name'] + '!' * s['iscrowd']
            for s in annotation['segments_info']
        }
        ids = found.ids(annotation)
        return ids, np.vectorize(names.get)(ids)

    return read


@pytest.mark.parametrize(
    ('overlap', 'expected'), [('smallest', 'dog'), ('largest', 'cat'), ('last', 'cat')]
)
def test_overlaps(tool, instances, ids_of, tmp_path, overlap, expected):
    path = instances(
        [
            dict(segmentation=box(8, 8, 12, 12), category_id=2),
            dict(segmentation=box(6, 6, 20, 20), category_id=1),
            dict(segmentation=box(0, 0, 30, 22), category_id=2, iscrowd=1),
        ]
    )
    out = tmp_path / 'out'
    words = ('instances', path, out, '--image-dir', tmp_path / 'images', '--split', 0)
    printed = tool(*words, '--overlap', overlap)
    _, names = ids_of(out, '1.png')
    assert (names[10, 10], names[7, 7], names[1, 1], names[23, 31]) == (expected, 'cat', 'dog!', '')
    hidden = 'left out: 1 segments that others cover wholly' in printed
    assert hidden == (expected == 'cat')
    assert 'left out: 1 images without annotations' in printed
    segments = json.loads((out / 'panoptic_train.json').read_text())['annotations'][0]
    crowd = next(s for s in segments['segments_info'] if s['iscrowd'])
    assert (crowd['area'], crowd['bbox']) == (30 * 22 - 14 * 14, [0, 0, 30, 22])


def test_a_polygon_beyond_the_image_is_cut(tool, instances, ids_of, tmp_path):
    path = instances([dict(segmentation=box(-10, 4, 8, 40))])
    words = ('instances', path, tmp_path / 'out', '--image-dir', tmp_path / 'images')
    printed = tool(*words, '--split', 0)
    assert 'note: 1 regions that reach beyond their image, where they are cut off' in printed
    ids, _ = ids_of(tmp_path / 'out', '1.png')
    assert ids[4:, :8].all() and np.count_nonzero(ids) == 20 * 8


def test_polygons_are_filled_as_pycocotools_does():
    rng = np.random.default_rng(0)
    for _ in range(300):
        height, width = rng.integers(1, 90, 2).tolist()
        rings = [
            rng.uniform(-20, 110, 2 * rng.integers(3, 9)).round(rng.integers(0, 3))
            for _ in range(rng.integers(1, 3))
        ]
        whole = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(rings, height, width)))
        crop = rasterise(Polygons(rings), (height, width))
        found = np.zeros((height, width), bool)
        rows, columns = crop.mask.shape
        found[crop.top : crop.top + rows, crop.left : crop.left + columns] = crop.mask
        assert np.array_equal(found, whole)


def _save(mode, values, path):
    path.parent.mkdir()
    if mode == 'P':
        image = Image.fromarray(values.astype(np.uint8), 'P')
        image.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
    elif mode == 'RGB':
        image = Image.fromarray(np.stack([values, 0 * values, 0 * values], -1).astype(np.uint8))
    else:
        image = Image.fromarray(values.astype(np.uint8 if mode == 'L' else np.uint16))
    image.save(path)


@pytest.mark.parametrize(
    ('mode', 'names'),
    [
        ('L', ('3', '7')),
        ('P', ('3', '7')),
        ('I;16', ('300', '700')),
        ('RGB', ('#030000', '#070000')),
    ],
)
def test_maps_of_classes(tool, images, ids_of, tmp_path, mode, names):
    """Connected parts of things are objects, also where they meet in a corner alone."""
    scale = 100 if mode == 'I;16' else 1
    values = np.full((24, 32), 3 * scale)
    values[2:6, 2:6] = values[6:9, 6:9] = values[15:20, 15:20] = 7 * scale
    values[:, 30:] = 255
    _save(mode, values, tmp_path / 'maps' / 'a.png')
    folder, out = images('a.png', 'b.png'), tmp_path / 'out'
    ignore = '#ff0000' if mode == 'RGB' else '255'
    words = ('semantic', tmp_path / 'maps', out, '--image-dir', folder, '--split', 0)
    printed = tool(*words, '--things', names[1], '--ignore', ignore)
    ids, found = ids_of(out, 'a.png')
    assert set(np.unique(found)) == {'', *names}
    assert len(np.unique(ids)) == 4 and ids[3, 3] == ids[7, 7] != ids[16, 16]
    assert (found[0, 0], found[3, 3], found[0, 31]) == (*names, '')
    assert 'note: objects are a guess' in printed
    assert 'left out: 1 images without annotations' in printed


def test_the_yaml_is_written_and_read(tool, images, write, ids_of, tmp_path):
    folder, out = images('a.png'), tmp_path / 'out'
    write('maps/a.png', np.kron([[1, 2], [3, 255]], np.ones((12, 16))).astype(np.uint8))
    words = ('semantic', tmp_path / 'maps', '--image-dir', folder, '--split', 0)
    run = partial(tool, *words[:2])
    run(out, *words[2:], '--things', '2')
    written = (out / 'classes.yaml').read_text()
    assert written.startswith("classes:\n- {name: '1', isthing: false, id: 1}\n")
    edited = written.replace("'1'", 'Straße').replace("'2'", 'car').replace('[255]', '[255, 3]')
    classes = write('edited.yaml', edited)
    other = tmp_path / 'other'
    run(other, *words[2:], '--classes', classes)
    _, names = ids_of(other, 'a.png')
    assert (names[0, 0], names[0, 31], names[23, 0], names[23, 31]) == ('Straße', 'car', '', '')
    line = run(out, *words[2:], '--classes', classes, fails=True)
    assert f'{out}/classes.yaml is there and differs from {classes}: give another OUT' in line


def test_the_data_set_is_sound(tool, instances, tmp_path, capsys):
    """Nothing stops a training on it."""
    names = tuple(f'{number}.png' for number in range(10))
    labels = [
        dict(image_id=number, category_id=category, segmentation=box(number, 2 * category, 31, 20))
        for number in range(1, 11)
        for category in (1, 2)
    ]
    path, out = instances(labels, names), tmp_path / 'out'
    printed = tool('instances', path, out, '--image-dir', tmp_path / 'images', '--images', 'copy')
    assert 'train: 9 images' in printed and 'val: 1 images' in printed
    assert printed.endswith(
        f'next: kmax-deeplab init out --data {out}\nthen: kmax-deeplab check out.py\n'
    )
    assert not any(path.is_symlink() for path in out.rglob('*'))
    settings = [f'{split}_dataloader.dataset.data_root={out}/' for split in ('train', 'val')]
    settings += [f'val_evaluator.ann_file={out}/panoptic_val.json']
    settings += [f'val_evaluator.seg_prefix={out}/panoptic_val/']
    head = 'model.panoptic_head.num_'
    settings += [f'{head}things_classes=2', f'{head}stuff_classes=0']
    words = ['kmax_r18_custom-panoptic', '--out', tmp_path / 'r.html', '--num-pictures', 0]
    words += ['--workers', 1, '--cfg-options', *settings]
    assert run_command('check', 'check_dataset.py', *words) == 0
    assert 'no faults found' in capsys.readouterr().out


def test_splits_are_the_same_in_any_order():
    names = [f'{video}_{frame:03}.png' for video in 'abcdefgh' for frame in range(5)]
    chosen = choose_validation(names, 0.25, 0, r'^(\w)_')
    assert len(chosen) == 10 and len({name[0] for name in chosen}) == 2
    assert choose_validation(reversed(names), 0.25, 0, r'^(\w)_') == chosen
    others = {frozenset(choose_validation(names, 0.25, seed, r'^(\w)_')) for seed in range(9)}
    assert len(others) > 3
    assert len(choose_validation(names, 0.1, 0)) == 4 and choose_validation(names, 0, 0) == set()


def test_large_groups_are_not_for_validation():
    """Where the first one that is drawn would be most of the images, another one is."""
    names = [f'long_{frame}.png' for frame in range(90)]
    names += [f'{video}_{frame}.png' for video in 'ab' for frame in range(5)]
    for seed in range(9):
        chosen = choose_validation(names, 0.1, seed, r'^(\w+)_')
        assert len(chosen) == 10 and not any(name.startswith('long') for name in chosen)
    assert len(choose_validation(names[:95], 0.01, 0, r'^(\w+)_')) == 5


@pytest.mark.parametrize('place', ['first', 'last'])
def test_images_are_turned_as_opencv_turns_them(tool, images, write, ids_of, tmp_path, place):
    """A PNG may have its EXIF before or behind its pixels."""
    folder = images('a.png')
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((32, 24, 3), np.uint8)).save(folder / 'a.png', exif=exif)
    content = (folder / 'a.png').read_bytes()
    if place == 'last':
        at = content.index(b'eXIf') - 4
        end = at + 12 + int.from_bytes(content[at : at + 4], 'big')
        moved = content[:at] + content[end:-12] + content[at:end] + content[-12:]
        (folder / 'a.png').write_bytes(moved)
    assert cv2.imread(str(folder / 'a.png')).shape == (24, 32, 3)
    write('maps/a.png', np.ones((24, 32), np.uint8))
    words = ('semantic', tmp_path / 'maps', tmp_path / 'out', '--image-dir', folder)
    tool(*words, '--split', 0, '--things', '')
    assert ids_of(tmp_path / 'out', 'a.png')[0].shape == (24, 32)


def test_classes_of_validation_alone_are_told(tool, images, write, tmp_path):
    """Where no list of classes says so, a label may be misspelt."""
    images('1.png', '2.png')
    points = [[1, 1], [9, 1], [9, 9]]
    for split, name, label in (('train', '1', 'car'), ('val', '2', 'caar')):
        shapes = [dict(label=label, points=points)]
        write(f'{split}/{name}.json', dict(shapes=shapes, imagePath=f'../images/{name}.png'))
    words = ('labelme', tmp_path / 'train', tmp_path / 'out', '--val', tmp_path / 'val')
    printed = tool(*words, '--things', 'car')
    assert 'note: classes of val that no image of train has: caar\n' in printed

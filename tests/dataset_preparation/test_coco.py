"""COCO: archives within archives, unpacked or linked to."""

import json
import shutil
import zipfile

import numpy as np
import pytest
from mmdet.datasets import CocoPanopticDataset

from projects.kmax.panoptic_format import write_panoptic_png


@pytest.fixture
def coco(tmp_path, forge):
    """The archives, the PNGs in archives of their own within the one of the annotations."""
    meta = CocoPanopticDataset.METAINFO
    known = [
        dict(id=n, name=name, isthing=int(name in meta['thing_classes']))
        for n, name in enumerate(meta['classes'], start=1)
    ]
    downloads = tmp_path / 'downloads'
    for split, number in (('train', 9), ('val', 139)):
        name = f'{number:012d}'
        forge.image(downloads / 'images' / f'{split}2017' / f'{name}.jpg', number)
        forge.pack(downloads / 'images', downloads / f'{split}2017.zip')
        pngs = downloads / 'pngs'
        ids = np.repeat([[300, 0], [300, 8000]], 12, 0).repeat(16, 1)
        write_panoptic_png(pngs / f'panoptic_{split}2017' / f'{name}.png', ids)
        annotations = downloads / 'all' / 'annotations'
        annotations.mkdir(parents=True, exist_ok=True)
        forge.pack(pngs, annotations / f'panoptic_{split}2017.zip')
        segments = [dict(id=300, category_id=1), dict(id=8000, category_id=90)]
        annotation = dict(image_id=number, file_name=f'{name}.png', segments_info=segments)
        image = dict(id=number, file_name=f'{name}.jpg', height=forge.SIZE[0], width=forge.SIZE[1])
        content = dict(images=[image], annotations=[annotation], categories=known)
        (annotations / f'panoptic_{split}2017.json').write_text(json.dumps(content))
    forge.pack(downloads / 'all', downloads / 'panoptic_annotations_trainval2017.zip')
    return downloads


def test_coco_is_unpacked_and_loads(coco, out, convert, forge):
    code, printed = convert('coco', coco, out)
    assert (code, 'train: 1 images' in printed, 'COCO is ready' in printed) == (0, True, True)
    names = ('annotations/panoptic_val2017.json', 'val2017', 'annotations/panoptic_val2017')
    sample = forge.load('KMaXCocoPanopticDataset', out, *names)[0]
    assert np.unique(sample['gt_seg_map']).tolist() == [0, 1, 2]
    before = {path: path.stat().st_mtime_ns for path in out.rglob('*') if path.is_file()}
    assert convert('coco', coco, out)[0] == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_coco_goes_on_after_an_interruption(coco, out, convert, forge):
    convert('coco', coco, out)
    whole = forge.files(out)
    image = out / 'train2017' / '000000000009.jpg'
    image.write_bytes(image.read_bytes()[:50])
    (out / 'annotations/panoptic_val2017/000000000139.png').unlink()
    assert convert('coco', coco, out)[0] == 0
    assert forge.files(out) == whole


def test_coco_says_what_is_missing(coco, out, convert):
    (coco / 'val2017.zip').unlink()
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


def test_coco_links_folders_and_reads_unlabeled_images(coco, out, convert, forge):
    forge.image(coco / 'unlabeled2017' / '000000000008.jpg', 8)
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
    assert "train2017.zip names the file '../elsewhere', which leads out of the folder" in code
    assert not (tmp_path / 'elsewhere').exists()


def test_pngs_are_found_where_only_the_outer_archive_is_unpacked(coco, out, convert, forge):
    archive = coco / 'panoptic_annotations_trainval2017.zip'
    shutil.unpack_archive(archive, coco)
    archive.unlink()
    assert convert('coco', coco, out)[0] == 0
    assert len(list(out.glob('annotations/panoptic_*2017/*.png'))) == 2


@pytest.mark.parametrize('kind', ['outer', 'inner'])
def test_truncated_archive_of_annotations_is_named(kind, coco, tmp_path, convert, forge):
    archive = coco / 'panoptic_annotations_trainval2017.zip'
    if kind == 'inner':
        shutil.unpack_archive(archive, coco)
        archive.unlink()
        archive = coco / 'annotations' / 'panoptic_val2017.zip'
    archive.write_bytes(archive.read_bytes()[:-30])
    code, _ = convert('coco', coco, tmp_path / 'coco')
    assert code.startswith('coco.py: error: archive ')
    assert f'{archive.name} is damaged, download it again' in code
    assert not list(tmp_path.glob('coco/annotations/panoptic_val2017/*'))


@pytest.mark.parametrize(
    'name', ['val2017/000000000139.jpg', 'annotations/panoptic_val2017/000000000139.png']
)
def test_damaged_file_is_named_and_mended(name, coco, out, convert, forge):
    assert convert('coco', coco, out)[0] == 0
    whole = forge.files(out)
    # Of the same size, as after a loss of power.
    (out / name).write_bytes(bytes((out / name).stat().st_size))
    code, printed = convert('coco', coco, out)
    assert code == 'coco.py: error: 1 files or annotations are faulty'
    assert f'{out}/{name}' in printed
    assert 'delete what is damaged and start again' in printed
    (out / name).unlink()
    assert convert('coco', coco, out)[0] == 0
    assert forge.files(out) == whole

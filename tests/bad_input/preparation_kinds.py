"""Downloads and folders that commands make data sets of."""

import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import time
import zipfile

import cv2
import numpy as np
from annotation_kinds import in_place_of
from image_kinds import cut, sparse, write_head, write_large_jpeg
from kinds import Outcome, kind, kinds
from mmdet.datasets import CocoPanopticDataset
from panoptic_data import write_json

from projects.kmax.panoptic_format import write_panoptic_png

AREA = 'preparation'
WORKERS = ('--workers', 1)
COCO = ('prepare-coco', 'downloads', 'coco', *WORKERS)
ADE = ('prepare-ade20k', 'downloads', 'ade', *WORKERS)
CITY = ('prepare-cityscapes', 'downloads', 'cities', *WORKERS)
LIST = ('prepare-unlabeled', 'data/train', 'list.json', *WORKERS)
SHAPES = ('shapes', 'shapes', '--train', 2, '--val', 1, *WORKERS)
ARCHIVE = 'downloads/val2017.zip'
LEFT = r'^coco/'


def image(seed, size=(24, 32)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return cv2.imencode('.jpg', pixels)[1].tobytes()


def pack(path, members):
    """Write a zip of contents by name."""
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)


def make_coco(place):
    """Write downloads of one image a split."""
    meta = CocoPanopticDataset.METAINFO
    known = [
        dict(id=n, name=name, isthing=int(name in meta['thing_classes']))
        for n, name in enumerate(meta['classes'], start=1)
    ]
    png = place.path('1.png')
    write_panoptic_png(png, np.repeat([[300, 8000]], 24, 0).repeat(16, 1))
    annotations = []
    for split in ('train', 'val'):
        pack(place.path(f'downloads/{split}2017.zip'), [(f'{split}2017/1.jpg', image(len(split)))])
        segments = [dict(id=300, category_id=1), dict(id=8000, category_id=90)]
        content = dict(
            images=[dict(id=1, file_name='1.jpg', height=24, width=32)],
            annotations=[dict(image_id=1, file_name='1.png', segments_info=segments)],
            categories=known,
        )
        name = f'annotations/panoptic_{split}2017'
        annotations += [(f'{name}/1.png', png.read_bytes()), (f'{name}.json', json.dumps(content))]
    pack(place.path('downloads/panoptic_annotations_trainval2017.zip'), annotations)
    png.unlink()


def change_archive(place, change, message):
    """Nothing of a download that is at fault gets into the data set."""
    make_coco(place)
    change(place.path(ARCHIVE))
    place.command(*COCO).refused(message, leaves=LEFT)
    if place.path('coco/val2017').exists() or place.path('outside.jpg').exists():
        raise Outcome('harmed', 'something was unpacked')


def holding(*names):
    """Return a change of an archive to one with these files."""
    return lambda path: pack(path, [(name, image(1)) for name in names])


def holding_two(path):
    pack(path, [('val2017/1.jpg', image(1)), ('val2017/1.jpg', image(1, (9, 9)))])


def encrypt(path):
    content = bytearray(path.read_bytes())
    for signature, at in ((b'PK\3\4', 6), (b'PK\1\2', 8)):
        content[content.index(signature) + at] |= 1
    path.write_bytes(content)


def claim_gigabytes(path):
    content = bytearray(path.read_bytes())
    for signature, at in ((b'PK\3\4', 22), (b'PK\1\2', 24)):
        start = content.index(signature) + at
        content[start : start + 4] = struct.pack('<I', 3 * 2**30)
    path.write_bytes(content)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)


def unknown_method(path):
    content = bytearray(path.read_bytes())
    for signature, at in ((b'PK\3\4', 8), (b'PK\1\2', 10)):
        content[content.index(signature) + at] = 77
    path.write_bytes(content)


def link_in_zip(path):
    info = zipfile.ZipInfo('val2017')
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr(info, '/tmp')
        archive.writestr('val2017/1.jpg', image(1))


TWICE = 'written to one file'
CANNOT = f'archive {ARCHIVE} cannot be unpacked: '
DAMAGED = f'archive {ARCHIVE} is damaged, download it again'
kinds(
    AREA,
    [
        ('a member with ..', holding('../outside.jpg'), 'leads out of'),
        ('a member with .. within', holding('val2017/../../outside.jpg'), 'leads out of'),
        ('an absolute member', holding('/tmp/outside.jpg'), 'which is absolute'),
        ('a member of a drive', holding('C:/outside.jpg'), 'which is absolute'),
        ('a member of a long name', holding(f'{"a" * 300}.jpg'), 'longer'),
        ('a member below a file', holding('val2017/1.jpg', 'val2017/1.jpg/2.jpg'), 'a folder of'),
        ('two members of one name', holding_two, TWICE),
        ('a link as member', link_in_zip, 'link|folder of'),
        ('a truncated archive', cut, DAMAGED),
        ('an empty archive', lambda path: path.write_bytes(b''), DAMAGED),
        ('a page of a login as archive', lambda path: path.write_text('<html>'), DAMAGED),
        ('an archive with a wrong checksum', flip, DAMAGED),
        ('an archive with a password', encrypt, CANNOT + '.*password'),
        ('an archive of an unknown method', unknown_method, CANNOT + '.*method'),
        ('a member of gigabytes', claim_gigabytes, 'more than the 2147483648'),
        ('an archive that is a pipe', in_place_of(os.mkfifo), 'is a named pipe'),
    ],
    change_archive,
)  # fmt: skip


@kind(AREA, 'members that differ in capitals, or are there twice')
def capitals(place):
    make_coco(place)
    holding('val2017/1.jpg', 'val2017/1.jpg', 'val2017/1.JPG')(place.path(ARCHIVE))
    place.command(*COCO).works('COCO is ready')
    assert sorted(os.listdir(place.path('coco/val2017'))) == ['1.JPG', '1.jpg']


@kind(AREA, 'an archive without its folder')
def other_folder(place):
    make_coco(place)
    holding('other/1.jpg')(place.path(ARCHIVE))
    place.command(*COCO).partly('val2017 is missing: download .*val2017.zip')


def change_tar(place, make, message):
    """ADE20K's instances are in a tar."""
    place.path('downloads').mkdir()
    with tarfile.open(place.path('downloads/annotations_instance.tar'), 'w') as archive:
        make(archive)
    place.command(*ADE).refused(message, leaves=r'^ade/')
    assert not place.path('outside.png').exists()


def add(name, kind_of_member=tarfile.REGTYPE, target='', size=5):
    def make(archive):
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind_of_member, target, size
        archive.addfile(info, io.BytesIO(b'x' * size) if size else None)

    return make


def add_through_link(archive):
    add('annotations_instance', tarfile.SYMTYPE, '..', 0)(archive)
    add('annotations_instance/../outside.png')(archive)


kinds(
    AREA,
    [
        ('a tar with ..', add('../outside.png'), 'leads out of the folder'),
        ('a tar with an absolute name', add('/tmp/outside.png'), 'which is absolute'),
        ('a tar that writes through its link', add_through_link, 'leads out of the folder'),
    ],
    change_tar,
)


@kind(AREA, 'links and devices in a tar are left out')
def special_members(place):
    place.path('downloads').mkdir()
    with tarfile.open(place.path('downloads/annotations_instance.tar'), 'w') as archive:
        add('annotations_instance/a.png', tarfile.SYMTYPE, '/etc/passwd', 0)(archive)
        add('annotations_instance/b.png', tarfile.FIFOTYPE, '', 0)(archive)
        add('annotations_instance/c.png', tarfile.CHRTYPE, '', 0)(archive)
    place.command(*ADE).partly('is missing: download')
    assert not place.path('ade/annotations_instance').exists()


def change_file(place, name, change, message):
    make_coco(place)
    place.command(*COCO).works()
    change(place.path(f'coco/{name}'))
    for download in place.path('downloads').iterdir():
        download.unlink()
    place.command(*COCO).partly(message)


IMAGE, PNG = 'val2017/1.jpg', 'annotations/panoptic_val2017/1.png'
kinds(
    AREA,
    [
        ('a missing image', IMAGE, os.unlink, r'1\.jpg\) of .*No such file'),
        ('an image that is a pipe', IMAGE, in_place_of(os.mkfifo), 'is a named pipe'),
        ('a PNG that is a pipe', PNG, in_place_of(os.mkfifo), 'is a named pipe'),
        ('a PNG that is cut', PNG, cut, 'is truncated or not an image'),
        (
            'a folder that is a file',
            'val2017',
            lambda p: (shutil.rmtree(p), p.touch()),
            'Not a dir',
        ),
    ],
    change_file,
)


@kind(AREA, 'downloads that are missing')
def no_downloads(place):
    for command in (COCO, ADE, CITY):
        place.command(*command).refused('downloads is not a folder; give the one with')
    place.path('downloads').mkdir()
    for command in (COCO, ADE, CITY):
        place.command(*command).partly('is missing: download', leaves='')


@kind(AREA, 'a file in the place of the data set')
def out_is_file(place):
    make_coco(place)
    place.path('coco').write_text('mine')
    place.command(*COCO).refused('coco.*(Not a directory|File exists)')


@kind(AREA, 'a disk without room for what an archive holds')
def no_room(place):
    make_coco(place)

    def fill():
        usage = shutil.disk_usage('/')
        shutil.disk_usage = lambda path: usage._replace(free=10)

    place.command(*COCO, before=fill).refused('has 10 free: make room, or give another folder')


@kind(AREA, 'two preparations into one folder')
def two_at_once(place):
    make_coco(place)
    script = (
        'import sys, time; from kmax_deeplab.locks import hold; from pathlib import Path; '
        'hold(Path("coco"), Path("coco.in_use")); print(flush=True); time.sleep(60)'
    )
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    other = subprocess.Popen([sys.executable, '-c', script], stdout=subprocess.PIPE, env=env)
    try:
        other.stdout.readline()
        place.command(*COCO).refused(f'coco is in use by process {other.pid} on ', leaves='in_use')
    finally:
        other.kill()
        other.wait()
    time.sleep(0.1)
    place.command(*COCO).works('COCO is ready')


# ADE20K.
def change_ade(place, part, change, message):
    name = 'ADE_train_00000001'
    for folder in ('training', 'validation'):
        grey = np.full((24, 32), 3, np.uint8)
        color = np.zeros((24, 32, 3), np.uint8)
        for where, ending, content in (
            ('images', 'jpg', color), ('annotations', 'png', grey),
            ('annotations_instance', 'png', color),
        ):  # fmt: skip
            path = place.path(f'downloads/{where}/{folder}/{name}.{ending}')
            path.parent.mkdir(parents=True)
            cv2.imwrite(str(path), content)
    change(next(place.path(f'downloads/{part}/training').iterdir()))
    place.command(*ADE).partly(message)
    assert not place.path('ade/ade20k_panoptic_train.json').exists()


def pixels(value, shape=(24, 32)):
    return lambda path: cv2.imwrite(str(path), np.full(shape, value, np.uint8))


SCENE, THINGS = 'annotations', 'annotations_instance'
kinds(
    AREA,
    [
        ('a scene that is missing', SCENE, os.unlink, 'is missing'),
        ('a scene that is a pipe', SCENE, in_place_of(os.mkfifo), 'is a named pipe, not a file'),
        ('a scene that is a device', SCENE, in_place_of(lambda path: path.symlink_to('/dev/zero')),
         'is a device, not a file'),
        ('a scene that claims to be huge', SCENE, write_head, 'more than the 268435456'),
        ('a scene of 8 terabytes', SCENE, sparse, 'bytes, more than'),
        ('a scene of colours', SCENE, pixels(1, (24, 32, 3)), 'is no PNG of grey bytes'),
        ('a scene of another size', SCENE, pixels(1, (9, 9)), 'is 9x9 pixels, but its image'),
        ('a scene of an unknown class', SCENE, pixels(200), 'holds class 200 of 150'),
        ('instances of grey', THINGS, pixels(1), 'is no PNG of RGB bytes'),
        ('instances of no category', THINGS, pixels(255, (24, 32, 3)), 'category 255'),
        ('instances that are a folder', THINGS, in_place_of(os.mkdir), 'is a folder'),
        ('an image that is too large', 'images', write_large_jpeg, 'decoded|not an image'),
    ],
    change_ade,
)  # fmt: skip


# Cityscapes.
def change_city(place, change, message):
    for split, city in (('train', 'ulm'), ('val', 'bonn')):
        stem = f'{city}/{city}_000000_000019'
        for part, ending, content in (
            ('leftImg8bit', 'leftImg8bit', np.zeros((24, 32, 3), np.uint8)),
            ('gtFine', 'gtFine_instanceIds', np.full((24, 32), 7, np.uint16)),
        ):
            path = place.path(f'downloads/{part}/{split}/{stem}_{ending}.png')
            path.parent.mkdir(parents=True)
            cv2.imwrite(str(path), content)
    change(place.path('downloads'))
    place.command(*CITY).partly(message)
    assert not place.path('downloads/gtFine/cityscapes_panoptic_train.json').exists()


IN_GT = 'gtFine/train/ulm/ulm_000000_000019_gtFine_instanceIds.png'
IN_IMAGES = 'leftImg8bit/train/ulm/ulm_000000_000019_leftImg8bit.png'
kinds(
    AREA,
    [
        ('a city without annotation', lambda p: (p / IN_GT).unlink(), 'instanceIds.png is missing'),
        ('a city without image', lambda p: (p / IN_IMAGES).unlink(), 'leftImg8bit.png is missing'),
        ('a city of a pipe', lambda p: in_place_of(os.mkfifo)(p / IN_GT), 'is a named pipe'),
        ('a city of nothing', lambda p: (p / IN_GT).write_bytes(b''), 'is truncated or not'),
    ],
    change_city,
)


# A folder of images.
def change_folder(place, change, message):
    change(place.path('data/train/2.png'))
    place.command(*LIST).partly(message, leaves='')


kinds(
    AREA,
    [
        ('an unlabeled image that is empty', lambda path: path.write_bytes(b''), 'is truncated'),
        ('an unlabeled image that is a pipe', in_place_of(os.mkfifo), 'is a named pipe'),
        ('an unlabeled image that is a folder', in_place_of(os.mkdir), 'is a folder, not a file'),
        ('an unlabeled image that is a link to nothing',
         in_place_of(lambda path: path.symlink_to('gone')), 'does not exist'),
        ('an unlabeled image that claims to be huge', write_head, 'more than the 268435456'),
    ],
    change_folder,
)  # fmt: skip


@kind(AREA, 'a folder without images')
def no_images(place):
    place.path('empty').mkdir()
    place.command('prepare-unlabeled', 'empty', 'list.json').refused('empty holds no image')
    place.command('prepare-unlabeled', 'none', 'list.json').refused(
        'none is not a folder of images'
    )
    place.command('prepare-unlabeled', 'config.py', 'list.json').refused(
        'is not a folder of images'
    )


@kind(AREA, 'categories to name that are none')
def wrong_categories(place):
    write_json(place, 'other.json', dict(annotations=[]))
    place.command(*LIST, '--categories', 'other.json').refused("lacks the fields .'categories'")
    write_json(place, 'other.json', dict(categories=[dict(id=1, name='car', isthing=3)]))
    place.command(*LIST, '--categories', 'other.json').refused('has "isthing": 3')


@kind(AREA, 'a list in the place of a folder, or below a file')
def wrong_out(place):
    place.command('prepare-unlabeled', 'data/train', 'data').refused('data is a folder')
    place.command('prepare-unlabeled', 'data/train', 'config.py/a.json', *WORKERS).refused(
        r'config\.py.*(Not a directory|File exists)'
    )


# Shapes.
@kind(AREA, 'shapes into a folder of others')
def shapes_elsewhere(place):
    place.command('shapes', 'data', *SHAPES[2:]).refused('data holds files that are not from')
    place.command('shapes', 'config.py', *SHAPES[2:]).refused(r'config\.py')


@kind(AREA, 'shapes with other arguments')
def other_shapes(place):
    place.command(*SHAPES).works()
    place.command(*SHAPES, '--seed', 4).refused('was drawn with other arguments')


@kind(AREA, 'shapes with a damaged recipe')
def damaged_recipe(place):
    for content in ('{', '[' * 10**5, '\ufeff\0'):
        place.path('shapes').mkdir(exist_ok=True)
        place.path('shapes/shapes.json').write_text(content)
        place.command(*SHAPES).refused(r'shapes/shapes\.json is not valid JSON')


@kind(AREA, 'shapes of impossible numbers')
def wrong_numbers(place):
    for words, message in (
        (('--size', 3, 3), '--size needs at least'),
        (('--train', -1), '--train must be at least 0'),
        (('--workers', 0), '--workers must be at least 1'),
        (('--seed', 'x'), '--seed'),
        (('--size', 10**6, 10**6), '--size'),
    ):
        place.command('shapes', 'shapes', *words).refused(message)

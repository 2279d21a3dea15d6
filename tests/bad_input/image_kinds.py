"""Images and panoptic PNGs that cannot be read, or are not what the JSON says."""

import os
import struct
import zlib

import cv2
import numpy as np
from kinds import kind, kinds
from panoptic_data import CHECK, TEST, TRAINING, VAL, works_everywhere
from PIL import Image

from projects.kmax.evaluation import pq_compute

AREA = 'images'
IMAGES = [f'data/{split}/1.png' for split in ('train', 'val')]
PNGS = [f'data/panoptic_{split}/1.png' for split in ('train', 'val')]
IMAGE = r'image 1 \(data/(train|val)/1\.png\)'
PNG = r'panoptic PNG data/panoptic_(train|val)/1\.png '
OF_IMAGE = PNG + r'of image 1 in data/panoptic_(train|val)\.json '


def refused_at(place, message):
    """Training and testing stop at what a check lists; which image comes first, chance decides."""
    place.command(*TRAINING).refused(message, leaves='work_dirs')
    place.command(*TEST).refused(message)
    place.command(*CHECK).reported(message)


def change_image(place, change, message):
    for name in IMAGES:
        change(place.path(name))
    refused_at(place, message)


def change_png(place, change, message, read_too=True):
    for name in PNGS:
        change(place.path(name))
    refused_at(place, message)
    if read_too:
        with place.raises((ValueError, OSError), r'panoptic_val/1\.png'):
            pq_compute(VAL, VAL)


def in_place_of(make):
    def change(path):
        path.unlink()
        make(path)

    return change


def save_as(kind_of_file, mode='RGB', **options):
    """Write an image anew as another kind of file or of pixels, under the same name."""

    def change(path):
        image = Image.open(path).convert(mode)
        path.unlink()
        image.save(path, kind_of_file, **options)

    return change


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def write_head(path, width=2**17, height=2**17):
    """Write a PNG of 60 bytes that claims to be large."""
    head = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    chunks = struct.pack('>I', 13) + head + struct.pack('>I', zlib.crc32(head))
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + chunks)


def write_large_jpeg(path):
    """Write a JPEG that claims 65500 pixels a side."""
    content = bytearray(cv2.imencode('.jpg', np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    at = content.index(b'\xff\xc0') + 5
    content[at : at + 4] = struct.pack('>HH', 65500, 65500)
    path.write_bytes(content)


def flip_byte(path):
    content = bytearray(path.read_bytes())
    content[content.index(b'IDAT') + 200] ^= 255
    path.write_bytes(content)


def turn(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path, 'JPEG', exif=exif)


def no_file(path):
    path.symlink_to('gone.png')


def sparse(path):
    with path.open('wb') as file:
        file.truncate(2**43)


UNREADABLE = IMAGE + ' of .*: .*'
SHARED = [
    ('is missing', os.unlink, '(No such file|does not exist)'),
    ('is empty', in_place_of(os.mknod), ''),
    ('is a text', lambda path: path.write_text('see the other folder'), ''),
    ('is truncated', cut, ''),
    ('is a folder', in_place_of(os.mkdir), 'is a folder, not a file'),
    ('is a named pipe', in_place_of(os.mkfifo), 'is a named pipe, not a file'),
    ('is a device', in_place_of(lambda path: path.symlink_to('/dev/zero')), 'is a device, not a'),
    ('is a link to itself', in_place_of(lambda path: path.symlink_to(path.name)), 'links'),
    ('is a link to nothing', in_place_of(no_file), '(No such file|does not exist)'),
    ('claims to be huge', write_head, 'is 131072x131072 pixels, more than the 268435456'),
    ('claims no pixel', lambda path: write_head(path, 0, 0), ''),
    ('is of 8 terabytes', sparse, 'bytes, more than'),
    ('has a wrong checksum', flip_byte, ''),
]
kinds(AREA, [(f'an image {n}', change, UNREADABLE + m) for n, change, m in SHARED], change_image)
kinds(AREA, [(f'a PNG {n}', change, PNG + '.*' + m) for n, change, m in SHARED], change_png)
kinds(
    AREA,
    [
        ('a huge JPEG', write_large_jpeg, UNREADABLE),
        ('a truncated JPEG', lambda p: (save_as('JPEG', quality=95)(p), cut(p)), UNREADABLE),
        ('a drawing in SVG', lambda path: path.write_text('<svg width="64" height="48"/>'), ''),
        ('an image turned by its EXIF tag', turn, PNG + 'is 64x48 .* the image may have an EXIF'),
        (
            'an image of another size',
            lambda path: Image.open(path).resize((32, 24)).save(path),
            PNG + f'is 64x48 pixels, but {IMAGE} is 32x24 pixels',
        ),
    ],
    change_image,
)


def image_works(place, change):
    for name in IMAGES:
        change(place.path(name))
    works_everywhere(place)


SECOND = dict(save_all=True, append_images=[Image.new('RGB', (64, 48))])
kinds(
    AREA,
    [
        ('a JPEG called PNG', save_as('JPEG')),
        ('a JPEG of CMYK', save_as('JPEG', 'CMYK')),
        ('a grey image', save_as('PNG', 'L')),
        ('a black and white image', save_as('PNG', '1')),
        ('an image with transparency', save_as('PNG', 'RGBA')),
        ('an image with a palette', save_as('PNG', 'P')),
        ('an image of 16 bits', save_as('PNG', 'I;16')),
        ('a GIF', save_as('GIF')),
        ('an animated WebP', save_as('WEBP', **SECOND)),
        ('a TIFF of two pages', save_as('TIFF', **SECOND)),
    ],
    image_works,
)


def colours(change):
    """Return a change of a PNG's colours, blue, green, red."""

    def run(path):
        cv2.imwrite(str(path), change(cv2.imread(str(path))))

    return run


def paint(image, value, where):
    image[where] = value
    return image


CHANNELS = OF_IMAGE + 'must have three channels of 8 bits, but has '
kinds(
    AREA,
    [
        ('a PNG of grey', colours(lambda c: c[..., 2]), CHANNELS + '1 of type uint8'),
        ('a PNG of 16 bits', colours(lambda c: c.astype(np.uint16)), CHANNELS + '3 of type uint16'),
        ('a PNG of ids in 16 bits', colours(lambda c: c[..., 2].astype(np.uint16)), CHANNELS + '1'),
        ('a PNG cut at a side', colours(lambda c: c[:, :60]), PNG + 'is 60x48 pixels, but', False),
        (
            'a PNG on its side',
            colours(lambda c: c.transpose(1, 0, 2)),
            PNG + 'is 48x64 .*EXIF',
            False,
        ),
    ],
    change_png,
)
LACKS = PNG + 'has no pixel of id 5, which is among the segments_info'
HOLDS = PNG + r'holds id \d+, which is not among the segments_info'
MEASURES = 'segment 5 of image 1 in .* has area 352, but '
kinds(
    AREA,
    [
        ('a PNG of blue first', colours(lambda c: c[..., ::-1]), HOLDS, False),
        ('a PNG saved as JPEG', save_as('JPEG'), HOLDS, False),
        (
            'a PNG that was scaled smoothly',
            colours(lambda c: cv2.GaussianBlur(c, (3, 3), 0)),
            HOLDS,
            False,
        ),
        (
            'an id that the JSON lacks',
            colours(lambda c: paint(c, (0, 0, 77), (0, 0))),
            HOLDS,
            False,
        ),
        (
            'an id that the PNG lacks',
            colours(lambda c: paint(c, 0, (c == (0, 0, 5)).all(2))),
            LACKS,
            False,
        ),
        ('a segment with pixels less', colours(lambda c: paint(c, 0, (30, 10))), MEASURES, False),
        (
            'the PNG of another image',
            lambda path: path.write_bytes(path.with_name('2.png').read_bytes()),
            HOLDS,
            False,
        ),
    ],
    change_png,
)


def use_palette(path):
    colors, places = np.unique(
        np.array(Image.open(path)).reshape(-1, 3), axis=0, return_inverse=True
    )
    image = Image.fromarray(places.reshape(48, 64).astype(np.uint8))
    image.putpalette(colors.astype(np.uint8).tobytes())
    image.save(path)


def png_works(place, change):
    for name in PNGS:
        change(place.path(name))
    works_everywhere(place)
    assert pq_compute(VAL, VAL)['All']['pq'] == 1


kinds(
    AREA,
    [
        ('a PNG with transparency', save_as('PNG', 'RGBA')),
        ('a PNG with a palette', use_palette),
        ('ids in a lossless WebP', save_as('WEBP', lossless=True)),
        ('ids in a BMP', save_as('BMP')),
    ],
    png_works,
)


@kind(AREA, 'a segment moved to the side')
def moved(place):
    def move(ids):
        car = ids == 5
        ids[car] = 70000
        ids[np.roll(car, 4, axis=1)] = 5

    for name in PNGS:
        place.edit_ids(name, move)
    refused_at(place, r'segment 5 of image 1 in .* has bbox \[8, .* but is at \[12, ')


@kind(AREA, 'a size in the JSON that no file has')
def other_size(place):
    for name in ('data/panoptic_train.json', VAL):
        place.edit_json(name, lambda content: content['images'][0].update(width=10**12))
    refused_at(place, IMAGE + ' is 64x48 pixels, but .* says 1000000000000x48')


@kind(AREA, 'areas that differ from the PNG are warned of by an evaluator alone')
def evaluator_warns(place):
    place.edit_json(VAL, lambda c: c['annotations'][0]['segments_info'][0].update(area=4))
    options = ('--cfg-options', 'test_dataloader.dataset.check_measures=False')
    message = 'has area 4, but 1280 pixels in .*Figures are computed all the same'
    place.command(*TEST, *options).works(message)

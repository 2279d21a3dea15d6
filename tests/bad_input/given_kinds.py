"""What is given for an image: arrays, objects and files, to every inference API and command."""

import functools
import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import torch
from kinds import kind
from mmdet.apis import DetInferencer, inference_detector, init_detector
from PIL import Image

NAMES = ('config.py', 'weights.pth')
IMAGE = 'data/val/1.png'
LABEL_ALL = ('--workers', 0, '--min-score', 0, '--min-area', 0, '--min-labelled', 0)


def inferencer():
    return DetInferencer(*NAMES, device='cpu', show_progress=False)


def ids_of(sample):
    return sample.pred_panoptic_seg.sem_seg.numpy()


def enter_refused(name, make, message):
    """Enter what is no image: each API says so, alone and among others, and still works after."""

    @kind('inference', f'given as an image: {name}')
    def refused(place):
        wrong, right = make(cv2.imread(IMAGE)), IMAGE
        detector, infer = init_detector(*NAMES, device='cpu'), inferencer()
        for call in (functools.partial(inference_detector, detector), infer):
            # Files that cannot be read have an error among the results: see below.
            alone = isinstance(wrong, str) and call is infer
            for given in (wrong,) if alone else (wrong, [right, wrong]):
                with place.raises((TypeError, ValueError, OSError), message):
                    call(given)
        assert len(infer(right)['predictions']) == 1
        assert ids_of(inference_detector(detector, right)).shape == (1, 48, 64)


def enter_taken(name, make, expected=lambda image: image):
    """Enter what is an image: each API predicts what it does of the same pixels, BGR and uint8."""

    @kind('inference', f'given as an image: {name}: taken')
    def taken(place):
        image = cv2.imread(IMAGE)
        given, same = make(image), np.ascontiguousarray(expected(image))
        before = given.copy() if isinstance(given, np.ndarray) else None
        detector, infer = init_detector(*NAMES, device='cpu'), inferencer()
        found = [inference_detector(detector, x) for x in (same, given, IMAGE)]
        found += infer([same, given], return_datasamples=True)['predictions']
        assert ids_of(found[2]).shape == (1, 48, 64)
        for sample in (*found[:2], *found[3:]):
            assert np.array_equal(ids_of(sample), ids_of(found[0]))
        drawn = infer([given, same], return_vis=True, out_dir='out', no_save_pred=False)
        assert len(drawn['visualization']) == 2
        assert len(list(place.path('out/vis').iterdir())) == 2
        assert len(list(place.path('out/preds').iterdir())) == 4
        assert before is None or np.array_equal(given, before), 'the array was changed'


def scaled(image):
    return image.astype(np.float32) / 255


def with_one(value, dtype=np.float32):
    def make(image):
        changed = image.astype(dtype)
        changed[3, 4, 1] = value
        return changed

    return make


def encoded(ending):
    return lambda image: cv2.imencode(ending, image)[1].tobytes()


def rgb(image):
    return Image.fromarray(image[..., ::-1].copy())


OBJECT = np.dtype(object)
REFUSED = {
    'levels of 16 bits': (lambda image: image.astype(np.uint16) * 257, 'uint16'),
    'whole numbers of 64 bits': (lambda image: image.astype(np.int64), 'int64'),
    'fractions from 0 to 1': (scaled, r'levels 0 \.\.\. 1'),
    'true and false': (lambda image: image > 127, 'bool'),
    'a level that is NaN': (with_one(np.nan), 'nan'),
    'a level that is infinite': (with_one(np.inf), 'inf'),
    'a level below zero': (with_one(-1), 'levels -1'),
    'a level above 255': (with_one(256), 'levels 0 ... 256'),
    'an array without rows': (lambda image: image[:0], 'is empty'),
    'a row of levels': (lambda image: image.ravel(), r'shape \(9216,\)'),
    'a number as an array': (lambda image: np.array(7.0), r'shape \(\)'),
    'two channels': (lambda image: image[..., :2], r'shape \(48, 64, 2\)'),
    'no channel': (lambda image: image[..., :0], 'is empty'),
    'channels before rows': (lambda image: image.transpose(2, 0, 1), r'shape \(3, 48, 64\)'),
    'a batch as an array': (lambda image: image[None], r'shape \(1, 48, 64, 3\)'),
    'an array of objects': (lambda image: image.astype(object), 'object'),
    'an array of strings': (lambda image: np.array(['a.png']), '<U5'),
    'an array of complex numbers': (lambda image: image.astype(np.complex64), 'complex64'),
    'an array with fields': (
        lambda image: np.zeros((48, 64), [('r', 'u1'), ('g', 'u1')]),
        "'r', 'u1'|void",
    ),
    'dates': (lambda image: np.zeros((4, 4), 'datetime64[s]'), 'datetime64'),
    'a tensor': (torch.from_numpy, 'of type Tensor'),
    'a number': (lambda image: 5, 'of type int'),
    'None': (lambda image: None, 'of type NoneType'),
    'a set of names': (lambda image: {IMAGE}, 'of type set'),
    'an open file': (lambda image: io.BytesIO(encoded('.png')(image)), 'of type BytesIO'),
    'a list in a list': (lambda image: [[IMAGE]], 'of type list'),
    'no bytes': (lambda image: b'', '0 bytes'),
    'bytes that are no image': (lambda image: b'hello' * 9, '45 bytes'),
    'bytes cut short': (lambda image: encoded('.png')(image)[:300], '300 bytes'),
    'a PIL image of 32 bits': (lambda image: Image.new('I', (9, 9)), 'mode I'),
    'a PIL image of fractions': (lambda image: Image.new('F', (9, 9)), 'mode F'),
    'a PIL image without pixels': (lambda image: Image.new('RGB', (0, 9)), 'is empty'),
    'a dict without an image': (lambda image: {'x': 1}, 'img_path|of type dict'),
    'a dict with levels of 16 bits': (
        lambda image: {'img': image.astype(np.uint16)},
        'uint16|of type dict',
    ),
    'a name that is empty': (lambda image: '', 'empty|cannot be read'),
    'a name with a null character': (lambda image: 'a\0b.png', 'null|cannot be read'),
    'a name that is too long': (lambda image: 'a' * 300, 'too long'),
    'a URL that nobody answers': (lambda image: 'http://127.0.0.1:9/a.png', r'127\.0\.0\.1:9/a'),
    'a URL of a kind that is not known': (lambda image: 'gopher://a/b.png', 'gopher://a/b.png'),
    'a batch as a tensor': (lambda image: torch.zeros(2, 3, 48, 64), 'of type Tensor'),
}
for name, (make, message) in REFUSED.items():
    enter_refused(name, make, message)


def read_only(image):
    image.setflags(write=False)
    return image


def mapped(image):
    array = np.memmap('map.bin', np.uint8, 'w+', shape=image.shape)
    array[:] = image
    return array


def turned_jpeg(image):
    """Encode an image lying on its side, with the note that it is to be turned upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    rgb(image).save(stream, 'png', exif=exif)
    return stream.getvalue()


def grey(image):
    return np.repeat(image[..., :1], 3, axis=2)


def constant(height, width):
    return lambda image: np.full((height, width, 3), 77, np.uint8)


def upright(image):
    return np.rot90(image, -1)


TAKEN = {
    'grey (h, w)': (lambda image: image[..., 0], grey),
    'grey (h, w, 1)': (lambda image: image[..., :1], grey),
    'BGRA': (lambda image: np.dstack([image, image[..., :1]]),),
    'fractions from 0 to 255': (lambda image: image.astype(np.float64),),
    'half precision': (lambda image: image.astype(np.float16),),
    'another byte order': (lambda image: image.astype('>f4'),),
    'a black image of fractions': (lambda image: scaled(image * 0), np.zeros_like),
    'columns before rows in memory': (np.asfortranarray,),
    'a mirrored view': (lambda image: image[:, ::-1], lambda image: image[:, ::-1]),
    'a part of an array': (lambda image: image[5:40, 3:50], lambda image: image[5:40, 3:50]),
    'an array that may not be written': (read_only,),
    'an array in a file': (mapped,),
    'an array of a subclass': (lambda image: image.view(np.recarray),),
    'one pixel': (constant(1, 1), constant(1, 1)),
    'one row of 5000 pixels': (constant(1, 5000), constant(1, 5000)),
    'one column of 5000 pixels': (constant(5000, 1), constant(5000, 1)),
    'a pathlib path': (lambda image: Path(IMAGE),),
    'a string of numpy': (lambda image: np.str_(IMAGE),),
    'bytes of a PNG': (encoded('.png'),),
    'a bytearray': (lambda image: bytearray(encoded('.bmp')(image)),),
    'a PIL image': (rgb,),
    'a PIL image with transparency': (lambda image: rgb(image).convert('RGBA'),),
    'a grey PIL image': (lambda image: Image.fromarray(image[..., 0].copy()), grey),
    'a PIL image to be turned': (lambda image: Image.open(io.BytesIO(turned_jpeg(image))), upright),
}
for name, entry in TAKEN.items():
    enter_taken(name, *entry)


def png_header(width, height):
    """Return a PNG that claims a size and holds one row."""

    def chunk(name, content):
        crc = zlib.crc32(name + content)
        return struct.pack('>I', len(content)) + name + content + struct.pack('>I', crc)

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 + 3 * min(width, 10)))
    content = chunk(b'IHDR', header) + chunk(b'IDAT', rows) + chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + content


def written(make):
    """Write bytes to a path."""
    return lambda path, image: path.write_bytes(make(image))


def saved(mode, form, **options):
    """Save an image in a mode and format of PIL."""
    return lambda path, image: rgb(image).convert(mode).save(path, form, **options)


UNREADABLE = {
    'a text': (written(lambda image: b'hello'), 'jpg'),
    'an empty file': (written(lambda image: b''), 'png'),
    'a JPEG cut in its header': (written(lambda image: encoded('.jpg')(image)[:100]), 'jpg'),
    'a PNG cut short': (written(lambda image: encoded('.png')(image)[:3000]), 'png'),
    'a PNG that claims billions of pixels': (
        written(lambda image: png_header(100_000, 100_000)),
        'png',
    ),
    'a PNG without a size': (written(lambda image: png_header(0, 0)), 'png'),
    'a drawing in SVG': (
        written(lambda image: b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        'png',
    ),
    'a named pipe': (lambda path, image: os.mkfifo(path), 'png'),
    'a link to a device': (lambda path, image: path.symlink_to('/dev/zero'), 'png'),
    'a link to itself': (lambda path, image: path.symlink_to(path.name), 'png'),
    'a link to nothing': (lambda path, image: path.symlink_to('nothing.png'), 'png'),
    'a folder': (lambda path, image: path.mkdir(), 'png'),
    'a file that is missing': (lambda path, image: None, 'png'),
}


def enter_unreadable(name, make, ending):
    """Enter a file that is no image: it alone has no result, in every API and command."""

    @kind('inference', f'among image files: {name}')
    def unreadable(place):
        bad = place.path(f'data/val/1b.{ending}')
        make(bad, cv2.imread(IMAGE))
        detector, infer = init_detector(*NAMES, device='cpu'), inferencer()
        for call in (functools.partial(inference_detector, detector), infer):
            with place.raises(OSError, rf'1b\.{ending}'):
                call(str(bad))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            given = [IMAGE, str(bad), 'data/val/2.png']
            found = infer(given, batch_size=2, out_dir='out', no_save_pred=False)['predictions']
        assert any(f'1b.{ending}' in str(warning.message) for warning in caught)
        assert ['error' in result for result in found] == [False, True, False]
        assert f'1b.{ending}' in found[1]['error']
        assert len(list(place.path('out/vis').iterdir())) == 2
        result = place.command('label', *NAMES, 'data/val', 'labelled', *LABEL_ALL, seconds=20)
        if bad.is_symlink() or bad.exists():
            result.partly('2 images are labelled.*1 could not be read')
        else:
            result.works('2 images are labelled.*0 could not be read')


for name, (make, ending) in UNREADABLE.items():
    enter_unreadable(name, make, ending)


ODD_FILES = {
    'a JPEG of four colours': (saved('CMYK', 'jpeg'), 'jpg'),
    'a PNG of 16 bits': (
        lambda path, image: cv2.imwrite(str(path), image.astype(np.uint16) * 257),
        'png',
    ),
    'a PNG with transparency': (saved('RGBA', 'png'), 'png'),
    'a PNG of a palette': (saved('P', 'png'), 'png'),
    'a PNG of black and white': (saved('1', 'png'), 'png'),
    'a PNG with a wrong ending': (written(encoded('.png')), 'jpg'),
    'a name of Chinese letters, blanks and signs': (saved('RGB', 'png'), 'png'),
}


def enter_odd_file(name, make, ending):
    """Enter a file that is an image: each reader sees what OpenCV sees."""

    @kind('inference', f'among image files: {name}: taken')
    def odd_file(place):
        path = place.path(f'data/图像 100% #1?.{ending}')
        make(path, cv2.imread(IMAGE))
        same = cv2.imread(str(path), cv2.IMREAD_COLOR)
        detector, infer = init_detector(*NAMES, device='cpu'), inferencer()
        right = ids_of(inference_detector(detector, same))
        assert np.array_equal(ids_of(inference_detector(detector, str(path))), right)
        found = infer([str(path)], out_dir='out', return_datasamples=True)['predictions'][0]
        assert np.array_equal(ids_of(found), right)
        assert place.path(f'out/vis/{path.name}').is_file()
        place.path('images').mkdir()
        path.rename(place.path('images') / path.name)
        place.command('label', *NAMES, 'images', 'out2', *LABEL_ALL).works('1 images are')


for name, (make, ending) in ODD_FILES.items():
    enter_odd_file(name, make, ending)

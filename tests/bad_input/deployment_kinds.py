"""Exported files: what cannot be one, what is none of ours, and the engines that run them."""

import json
import os
import tempfile

import cv2
import numpy as np
from exported_file import contract, write_file
from inference_kinds import limit_files
from kinds import kind, kinds
from PIL import Image

from kmax_deeplab.exported import engines
from projects.kmax.deploy import exporting

AREA = 'deployment'
IMAGE, MODEL = 'data/val/1.png', 'model.onnx'
SIZE = 65, 97
HELD = ('--cfg-options', 'model.test_cfg.pixel_confidence_threshold=0.34')
"""The rules of the user's model paste everything, which no graph holds."""

EXPORT = ('export', 'config.py', 'weights.pth', MODEL, '--size', *SIZE)
BENCHMARK = (
    *('benchmark', 'config.py', '--engines', 'onnxruntime', '--device', 'cpu'),
    *('--size', *SIZE, '--runs', 1, '--warmup', 0),
)
PREDICT = ('predict', IMAGE, '--model', MODEL, '--out', 'out', '--engine', 'onnxruntime')


def make_nothing():
    """Export in no time, for what comes after it."""
    exporting.export_model = lambda *_: b'x' * 2**20
    tempfile.tempdir = os.environ.get('TMPDIR')


def on_full_disk():
    make_nothing()
    limit_files(2**16)


def without_engines():
    engines.find_spec = lambda name: None


def export(place, words, message):
    place.path('empty').mkdir()
    place.command(*EXPORT, *words).refused(message)


kinds(
    AREA,
    [
        ('rules that no graph holds', (), 'pixel_confidence_threshold is 0.0: up to 1/3 .*raise'),
        (
            'a class more than the checkpoint has',
            (*HELD, 'model.panoptic_head.num_stuff_classes=3'),
            r'weights\.pth is not one of the model in the config: .* weights have other shapes',
        ),
        ('an input of no size', ('--size', 0, 97), r'--size: \[0, 97\] must be at least 64 each'),
        ('a folder without images', ('--images', 'empty', *HELD), 'empty holds no image'),
    ],
    export,
)


@kind(AREA, 'the config of another model')
def other_model(place):
    place.edit_config(
        "model = dict(_delete_=True, type='MaskFormer', backbone=dict(type='ResNet'))"
    )
    for words in (EXPORT, (*BENCHMARK, '--weights', 'weights.pth')):
        place.command(*words).refused('is the config of MaskFormer, which is not exported: give')


@kind(AREA, 'a file in the place of an export')
def over_file(place):
    for name, message in (
        ('weights.pth', r'weights\.pth must end in \.onnx'),
        ('mine.onnx', r'mine\.onnx is there, and no earlier export, which alone is replaced'),
        ('folder.onnx', r'folder\.onnx is a folder; name the file to write'),
        ('config.py/a.onnx', r'config\.py is no folder'),
    ):
        place.path('mine.onnx').write_bytes(b'of another program')
        place.path('folder.onnx').mkdir(exist_ok=True)
        place.command(*EXPORT[:3], name, '--size', *SIZE, *HELD).refused(message)


@kind(AREA, 'a checkpoint that is none')
def no_checkpoint(place):
    write_file(place.path(MODEL), SIZE)
    place.command(*EXPORT[:2], MODEL, 'out.onnx', *HELD).refused(r'model\.onnx cannot be read')


@kind(AREA, 'an export onto a full disk')
def export_to_full_disk(place):
    place.path('tmp').mkdir()
    place.command(*EXPORT, '--no-check', *HELD, before=on_full_disk).refused(
        r'model\.onnx: File too large'
    )
    env = dict(TMPDIR=str(place.path('tmp')))
    weights = '--weights', 'weights.pth'
    for words in ((*EXPORT, *HELD), (*BENCHMARK, *weights, *HELD)):
        place.command(*words, before=on_full_disk, env=env).refused(
            r'(\.jpg|\.onnx|\.pth).*File too large'
        )
    assert not [path for path in place.path('tmp').iterdir() if path.name.startswith('kmax-')]


def compare_engines(place, words, message):
    place.path('empty').mkdir()
    place.command(*BENCHMARK, *words).refused(message)


kinds(
    AREA,
    [
        ('engines with rules that no graph holds', ('--weights', 'weights.pth'), 'threshold is 0'),
        ('an engine that is not known', ('--engines', 'tensorrt'), "invalid choice: 'tensorrt'"),
        ('engines for a folder of none', ('--images', 'empty'), 'empty holds no image'),
        ('engines with a checkpoint that is none', ('--weights', 'config.py'), 'cannot be read'),
        ('engines with no thread', ('--threads', 1, 0), '--threads must be at least 1, got 0'),
        ('engines with figures as a folder', ('--json', 'data'), '--json: data is a folder'),
        ('engines and a peer', ('--peer', 'config.py'), '--peer does not go with --engines'),
    ],
    compare_engines,
)


@kind(AREA, 'engines for an image that is truncated')
def truncated_for_engines(place):
    os.truncate(place.path(IMAGE), 80)
    words = '--weights', 'weights.pth', '--images', 'data/val', *HELD
    place.command(*BENCHMARK, *words).refused(r'val/1\.png cannot be read as an image')


@kind(AREA, 'engines that are not installed')
def no_engines(place):
    write_file(place.path(MODEL), SIZE)
    for words, message in (
        (PREDICT, 'onnxruntime is not installed here: pip install onnxruntime'),
        (PREDICT[:-2], r"needs onnxruntime or openvino, .*: pip install 'kmax-deeplab\[deploy\]'"),
        (BENCHMARK, 'onnxruntime is not installed here: pip install onnxruntime'),
    ):
        place.command(*words, before=without_engines).refused(message)


def run_file(place, changes, message):
    write_file(place.path(MODEL), SIZE, **changes)
    place.command(*PREDICT).refused(message)


kinds(
    AREA,
    [
        ('a file of another origin', dict(metadata={}), r'model\.onnx was not written by kmax-'),
        ('a later format', dict(format_version=2), 'has format version 2, and this .* reads 1'),
        ('a file of logits', dict(output='logits'), 'holds logits, .* export it with --output map'),
        ('a field that is none', dict(num_things='2'), "has num_things '2', but it must be"),
        ('a class of no name', dict(classes=[{}] * 2, num_things=2), 'lacks name'),
        (
            'metadata of another graph',
            dict(metadata=dict(kmax=json.dumps(contract((97, 65))))),
            r'graph of model\.onnx does not take and give what its metadata say: export it again',
        ),
    ],
    run_file,
)


@kind(AREA, 'a file without an end')
def truncated(place):
    whole = write_file(place.path(MODEL), SIZE).read_bytes()
    for size in (0, len(whole) - 1):
        place.path(MODEL).write_bytes(whole[:size])
        place.command(*PREDICT).refused(r'model\.onnx (is truncated|was not written by)')


@kind(AREA, 'a graph that is damaged')
def damaged(place):
    file = write_file(place.path(MODEL), SIZE)
    file.write_bytes(file.read_bytes().replace(b'Squeeze', b'Sqeueze'))
    place.command(*PREDICT).refused(r'onnxruntime cannot run model\.onnx: .*Sqeueze')


def set_option(place, words, message):
    write_file(place.path(MODEL), SIZE)
    place.command(*PREDICT, *words).refused(message)


kinds(
    AREA,
    [
        ('no thread', ('--threads', 0), '--threads must be at least 1, got 0'),
        ('a device that is missing', ('--device', 'cuda:9'), 'this onnxruntime has no CUDA: pip'),
        ('a device that is none', ('--device', 'abacus'), "device is 'abacus', but must be 'cpu'"),
        ('a device without a name', ('--device', ''), "device is '', but must be a name"),
        (
            'thresholds of a file',
            ('--threshold', 'class_threshold=1'),
            '--threshold is for network',
        ),
        ('weights of a file', ('--weights', 'weights.pth'), '--weights is for networks'),
    ],
    set_option,
)


@kind(AREA, 'images of every kind for a file')
def images(place):
    """Those that a file of ours cannot read are named, the others have maps."""
    write_file(place.path(MODEL), SIZE)
    levels = cv2.imread(IMAGE)
    place.path('seen').mkdir()
    cv2.imwrite('seen/deep.png', levels.astype(np.uint16) * 257)
    cv2.imwrite('seen/dot.png', levels[:1, :1])
    picture = Image.open(IMAGE)
    for name, mode in {'cmyk.jpg': 'CMYK', 'alpha.png': 'RGBA', 'grey.png': 'L'}.items():
        picture.convert(mode).save(f'seen/{name}')
    Image.new('L', (64, 48), 7).save('seen/flat.png')
    # Turned upright it is higher than the input, to which this file's pipeline brings nothing.
    turned = Image.Exif()
    turned[0x112] = 6
    Image.new('RGB', (90, 40)).save('seen/turned.jpg', exif=turned)
    Image.new('RGB', (20, 30)).save('seen/cut.jpg')
    os.truncate('seen/cut.jpg', place.path('seen/cut.jpg').stat().st_size // 2)
    ended = place.command('predict', 'seen', *PREDICT[2:]).partly(
        r'turned\.jpg: an image of 90x40 \(height x width\) does not fit into the input'
    )
    assert 'seen/cut.jpg cannot be read as an image' in ended.err
    maps = sorted(name for name in ended.new_files if name.startswith('out/panoptic/'))
    names = ('alpha', 'cmyk', 'deep', 'dot', 'flat', 'grey')
    assert maps == [f'out/panoptic/{name}.png' for name in names], maps


@kind(AREA, 'results of a file onto a full disk')
def full_disk(place):
    write_file(place.path(MODEL), SIZE)
    for name in ('out/panoptic', 'out/overlay'):
        place.path(name).mkdir(parents=True)
    place.command(*PREDICT, before=lambda: limit_files(1000)).refused(
        r'out/.*: File too large', leaves=r'\.predictions\.jsonl$'
    )

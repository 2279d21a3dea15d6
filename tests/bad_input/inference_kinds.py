"""Options and surroundings of the inference APIs: folders, devices, classes, threads, mmseg."""

import errno
import json
import os
import resource
import signal
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import numpy as np
from given_kinds import IMAGE, NAMES, ids_of, inferencer
from kinds import kind
from mmdet.apis import DetInferencer, inference_detector, init_detector

SECOND = 'data/val/2.png'


def enter_option(name, options, message):
    @kind('inference', f'option of DetInferencer: {name}')
    def option(place):
        infer = inferencer()
        with place.raises((TypeError, ValueError, OSError), message):
            infer(IMAGE, **options)
        assert not place.path('out').exists()
        assert len(infer(IMAGE)['predictions']) == 1


OPTIONS = {
    'no image in a batch': (dict(batch_size=0), 'batch_size is 0'),
    'a negative batch': (dict(batch_size=-1), 'batch_size is -1'),
    'a batch of a word': (dict(batch_size='x'), "batch_size is 'x'"),
    'half an image in a batch': (dict(batch_size=1.5), 'batch_size is 1.5'),
    'a threshold above 1': (dict(pred_score_thr=7, out_dir='out'), 'pred_score_thr is 7'),
    'a threshold that is NaN': (
        dict(pred_score_thr=float('nan'), out_dir='out'),
        'pred_score_thr is nan',
    ),
    'a threshold of a word': (dict(pred_score_thr='x', out_dir='out'), "pred_score_thr is 'x'"),
    'a folder that is None': (dict(out_dir=None), 'out_dir is None'),
    'a folder that is a number': (dict(out_dir=3), 'out_dir is 3'),
    'a folder that is a file': (dict(out_dir='config.py', no_save_pred=False), 'out_dir is config'),
    'a folder in a file': (dict(out_dir='config.py/x', no_save_pred=False), r'config\.py'),
    'a name that is not known': (dict(batchsize=2), 'batchsize'),
}
for name, (options, message) in OPTIONS.items():
    enter_option(name, options, message)


def enter_building(name, arguments, message):
    @kind('inference', f'an inferencer or detector of {name}')
    def building(place):
        known = (TypeError, ValueError, OSError, RuntimeError, AssertionError)
        for build in (DetInferencer, init_detector):
            given = dict(model=NAMES[0], weights=NAMES[1], device='cpu') | arguments
            if build is init_detector:
                given = {WORDS.get(key, key): value for key, value in given.items()}
            with place.raises(known, message):
                build(**given)


WORDS = dict(model='config', weights='checkpoint')
BUILDINGS = {
    'a config that is missing': (dict(model='no.py'), r'no\.py|Cannot find model: no'),
    'a config that is a number': (dict(model=3), 'config|int'),
    'a device that is none': (dict(device='abacus'), 'abacus'),
    'a palette that is not known': (dict(palette='rainbow'), 'palette.*rainbow'),
    'a palette of two colours': (
        dict(palette=[(1, 2, 3), (4, 5, 6)]),
        'palette.*each of the 4 classes',
    ),
    'weights that are a number': (dict(weights=3), 'is 3, but must be the path of a checkpoint'),
}
for name, (arguments, message) in BUILDINGS.items():
    enter_building(name, arguments, message)


def limit_files(size):
    """Let files grow to a size: what a full disk is to a program."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


@contextmanager
def files_at_most(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.getsignal(signal.SIGXFSZ)
    limit_files(size)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def files_in(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob('*') if p.is_file())


@kind('inference', 'a disk that is full')
def full_disk(place):
    infer = inferencer()
    for options in (dict(no_save_vis=True, no_save_pred=False), {}):
        with place.raises(OSError, os.strerror(errno.EFBIG) + '|out/'), files_at_most(60):
            infer(IMAGE, out_dir='out', **options)
        assert not files_in(place.path('out'))
    infer(IMAGE, out_dir='out', no_save_pred=False)
    assert files_in(place.path('out')) == PREDICTED


PREDICTED = ['preds/1.json', 'preds/1_panoptic_seg.png', 'vis/1.png']


@kind('inference', 'images of one name in several folders')
def same_names(place):
    inputs = [f'{folder}/1.png' for folder in ('a', 'b', 'c')]
    for number, path in enumerate(inputs):
        place.path(path).parent.mkdir()
        cv2.imwrite(path, np.full((9, 9 + number, 3), 99, np.uint8))
    results = inferencer()(inputs, out_dir='out', no_save_pred=False)['predictions']
    assert len(files_in(place.path('out'))) == 9
    for number, result in enumerate(results):
        assert cv2.imread(result['panoptic_seg_path']).shape == (9, 9 + number, 3)


@kind('inference', 'pictures into the folder of the images')
def over_images(place):
    place.path('vis').symlink_to('data/val')
    with place.raises(ValueError, '1.png would replace the image'):
        inferencer()(IMAGE, out_dir='.')


@kind('inference', 'nothing to save')
def nothing_saved(place):
    inferencer()(IMAGE, out_dir='out', no_save_vis=True, no_save_pred=True)
    assert not place.path('out').exists()


@kind('inference', 'an empty list, and a folder without images')
def no_images(place):
    place.path('empty').mkdir()
    infer = inferencer()
    assert infer([])['predictions'] == []
    assert inference_detector(init_detector(*NAMES, device='cpu'), []) == []
    with place.raises(FileNotFoundError, 'folder empty holds no image'):
        infer('empty')
    place.command('label', *NAMES, 'empty', 'out').refused('empty holds no image')


@kind('inference', 'only images that cannot be read')
def only_unreadable(place):
    place.path('bad').mkdir()
    for name in ('a.png', 'b.png'):
        place.path(
            'bad',
        ).joinpath(name).write_bytes(b'x')
    with place.raises(OSError, r'bad/[ab]\.png cannot be read as an image'):
        inferencer()('bad', out_dir='out')
    place.command('label', *NAMES, 'bad', 'out', '--workers', 0).partly('2 could not be read')


@kind('inference', 'an array, and then files, of one detector')
def array_then_file(place):
    detector = init_detector(*NAMES, device='cpu')
    text = detector.cfg.pretty_text
    image = cv2.imread(IMAGE)
    found = [
        inference_detector(detector, x) for x in (image, IMAGE, [image, IMAGE], [IMAGE, image])
    ]
    assert detector.cfg.pretty_text == text
    for sample in (found[0], *found[2], *found[3]):
        assert np.array_equal(ids_of(sample), ids_of(found[1]))


@kind('inference', 'images of many sizes in a batch')
def mixed_sizes(place):
    rng = np.random.default_rng(1)
    sizes = [(48, 64), (64, 48), (10, 200), (33, 65), (7, 5)]
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    infer = inferencer()
    alone, together = (
        infer(images, batch_size=size, return_datasamples=True)['predictions'] for size in (1, 5)
    )
    for one, other, size in zip(alone, together, sizes, strict=True):
        assert ids_of(one).shape == (1, *size)
        assert np.array_equal(ids_of(one), ids_of(other))


@kind('inference', 'four threads with one detector')
def threads(place):
    detector = init_detector(*NAMES, device='cpu')
    images = [cv2.imread(IMAGE), SECOND, IMAGE, cv2.imread(SECOND)] * 2
    right = [ids_of(inference_detector(detector, image)) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda image: inference_detector(detector, image), images)
        assert all(np.array_equal(ids_of(x), y) for x, y in zip(found, right, strict=True))


@kind('inference', 'an image turned by its EXIF note')
def turned(place):
    from given_kinds import turned_jpeg

    place.path('t.png').write_bytes(turned_jpeg(cv2.imread(IMAGE)))
    shown = cv2.imread('t.png')
    detector = init_detector(*NAMES, device='cpu')
    assert shown.shape[:2] == (64, 48)
    found = [ids_of(inference_detector(detector, image)) for image in (shown, 't.png')]
    assert np.array_equal(*found)


@kind('inference', 'written predictions tell what they hold')
def predictions(place):
    result = inferencer()(IMAGE, out_dir='out', no_save_pred=False)['predictions'][0]
    written = json.loads(place.path('out/preds/1.json').read_text())
    blue, green, red = np.moveaxis(cv2.imread(written['panoptic_seg_path']).astype(int), 2, 0)
    ids = red + 256 * green + 65536 * blue
    assert written['segments_info'] == result['segments_info']
    for segment in written['segments_info']:
        assert segment['name'] in ('car', 'person', 'road', 'sky') and 0 <= segment['score'] <= 1
        assert (ids == segment['id']).sum() == segment['area']
    assert {0, *ids.ravel().tolist()} == {0, *(s['id'] for s in written['segments_info'])}


SEG = """
default_scope = 'mmseg'
norm_cfg = dict(type='BN')
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
test_dataloader = dict(dataset=dict(type='BaseSegDataset', pipeline=test_pipeline))
visualizer = dict(type='SegLocalVisualizer', name='visualizer')
"""


def segmentor(place):
    """Build mmseg's inferencer of the semantic nuclei model, with random weights."""
    from mmseg.apis import MMSegInferencer
    from user_folder import ROOT

    place.path('seg.py').write_text(
        f"_base_ = '{ROOT}/configs/kmax/kmax_nano_nuclei-semantic.py'\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        infer = MMSegInferencer('seg.py', None, device='cpu')
    infer.show_progress = False
    return infer


@kind('inference', "one unreadable image for mmseg's inferencer")
def seg_unreadable(place):
    place.path('bad.png').write_bytes(b'x')
    os.mkfifo('pipe.png')
    infer = segmentor(place)
    for given in ('bad.png', 'pipe.png'):
        with place.raises(OSError, f'{given[:-4]}.*cannot be read as an image'):
            infer(given, out_dir='out')
    found = infer([IMAGE, 'bad.png', 'pipe.png', SECOND], out_dir='out', batch_size=2)
    errors = [isinstance(x, dict) and x['error'] for x in found['predictions']]
    assert [bool(error) for error in errors] == [False, True, True, False]
    assert found['predictions'][3].shape == (48, 64)
    assert [n for n in files_in(place.path('out')) if 'vis' in n] == ['vis/1.png', 'vis/2.png']
    found = infer([IMAGE, 'bad.png'], return_vis=True)
    assert found['predictions'][0].shape == (48, 64) and 'error' in found['predictions'][1]
    assert found['visualization'][0].shape == (48, 64, 3) and found['visualization'][1] is None
    assert len(infer([IMAGE, 'bad.png'], return_datasamples=True)) == 2


@kind('inference', "images of one name for mmseg's inferencer")
def seg_same_names(place):
    inputs = [IMAGE, 'data/train/1.png']
    infer = segmentor(place)
    infer(inputs, out_dir='out')
    assert [n for n in files_in(place.path('out')) if 'vis' in n] == ['vis/1.png', 'vis/1_2.png']
    place.path('vis').symlink_to('data/val')
    with place.raises(ValueError, '1.png would replace the image'):
        infer(IMAGE, out_dir='.')
    with place.raises(OSError, os.strerror(errno.EFBIG)), files_at_most(60):
        infer(IMAGE, out_dir='full')
    assert not files_in(place.path('full'))


@kind('inference', "nonsense for mmseg's inferencer and inference_model")
def seg_nonsense(place):
    from mmseg.apis import inference_model

    infer = segmentor(place)
    image = cv2.imread(IMAGE)
    for given, error in ((image.astype(np.uint16), TypeError), (image / 255, ValueError)):
        with place.raises(error, 'an array of type'):
            infer([IMAGE, given])
    with place.raises(ValueError, 'batch_size is 0'):
        infer(IMAGE, batch_size=0)
    model = infer.model
    model.cfg = infer.cfg.copy()
    model.cfg.test_pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    found = inference_model(model, [image, IMAGE])
    assert np.array_equal(found[0].pred_sem_seg.data, found[1].pred_sem_seg.data)
    with place.raises(OSError, 'no.png cannot be read as an image'):
        inference_model(model, [IMAGE, 'no.png'])
    with place.raises(ValueError, 'list of images is empty'):
        inference_model(model, [])

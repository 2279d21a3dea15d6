"""An image gives a result, several a list, a stream an iterator; each as the test command does."""

import io
import pickle
import threading
import warnings
import weakref
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers import NANO, run_command
from mmengine.config import Config
from PIL import Image
from pycocotools.mask import decode

from kmax_deeplab.result import PanopticResult
from projects.kmax.apis import KMaXInferencer


@pytest.fixture(scope='module')
def inferencer(folder, named_weights):
    return KMaXInferencer(folder / 'everything.py', named_weights, 'cpu')


@pytest.fixture
def counted(inferencer, monkeypatch):
    """Return how many images the network was given at each time."""
    sizes = []
    observe = inferencer.model.observe

    def count(data, with_layers):
        sizes.append(len(data['inputs']))
        return observe(data, with_layers)

    monkeypatch.setattr(inferencer.model, 'observe', count)
    return sizes


def same(one, other):
    """Tell whether two results agree but for the rounding of scores, which batches change."""
    scores = [[segment['score'] for segment in result.segments_info] for result in (one, other)]
    labels = [[segment['label_id'] for segment in result.segments_info] for result in (one, other)]
    return (
        np.array_equal(one.id_map, other.id_map)
        and labels[0] == labels[1]
        and np.allclose(*scores, rtol=1e-5)
    )


def test_results_are_those_of_the_test_command(folder, named_weights, inferencer, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(
        f"_base_ = '{folder / 'everything.py'}'\n"
        "sampler = dict(type='DefaultSampler', shuffle=False)\n"
        'test_dataloader = dict(batch_size=1, num_workers=0, sampler=sampler)\n'
        "test_cfg = dict(type='TestLoop')\ntest_evaluator = dict(type='KMaXPanopticMetric', "
        f"ann_file='{folder / 'panoptic.json'}', seg_prefix='{folder / 'panoptic'}')\n"
    )
    words = [config, named_weights, '--out', tmp_path / 'out.pkl', '--work-dir', tmp_path / 'work']
    run_command('test', 'test.py', *words)
    for sample in pickle.loads((tmp_path / 'out.pkl').read_bytes()):
        path = sample['img_path']
        bgr = cv2.imread(path)
        results = [
            inferencer(path),
            inferencer(Path(path).read_bytes()),
            inferencer(bgr),
            inferencer(bgr[..., ::-1], channel_order='rgb'),
            inferencer(Image.open(path)),
        ]
        expected = sample['pred_panoptic_seg']['sem_seg'][0].numpy()
        for result in results:
            label = np.array([3, *(s['label_id'] for s in result.segments_info)])
            assert np.array_equal(label[result.id_map], expected % 1000)
            pairs = np.unique(np.stack([result.id_map, expected], -1).reshape(-1, 2), axis=0)
            assert len(pairs) == len(np.unique(expected)) == len(np.unique(result.id_map))
            assert np.array_equal(result.image, bgr[..., ::-1])
            assert np.array_equal(result.semantic, sample['pred_sem_seg']['sem_seg'][0])
            found = sample['pred_instances']
            assert [i['score'] for i in result.instances] == found['scores'].tolist()
            assert [i['label_id'] for i in result.instances] == found['labels'].tolist()
            for instance, mask in zip(result.instances, found['masks'], strict=True):
                assert np.array_equal(instance['mask'], decode(mask))


def test_kinds_of_inputs(inferencer, images, counted):
    with pytest.warns(UserWarning, match=r'15\.jpg cannot be read as an image: .*: it has no'):
        several = inferencer(images, batch_size=4)
    assert [Path(r.path).name for r in several] == ['11.jpg', '12.png', '13.jpg', '14.jpg']
    assert counted == [4] and [r.id_map.shape[0] for r in several] == [70, 75, 80, 85]
    one = inferencer(images / '12.png')
    assert isinstance(one, PanopticResult) and same(one, several[1])
    [matched] = inferencer(f'{images}/*.png')
    assert same(matched, one)
    mixed = inferencer([str(images / '11.jpg'), Image.open(images / '12.png')])
    assert same(mixed[0], several[0]) and same(mixed[1], several[1]) and mixed[1].path is None
    faults = []
    kept = inferencer(images, on_unreadable=lambda image, error: faults.append((image, str(error))))
    assert len(kept) == 4 and faults[0][0].endswith('15.jpg') and '15.jpg' in faults[0][1]


def test_an_address(inferencer, images):
    handler = partial(SimpleHTTPRequestHandler, directory=images)
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f'http://127.0.0.1:{server.server_port}'
        found = inferencer(f'{address}/11.jpg')
        with pytest.raises(OSError, match=rf'{address}/none.jpg cannot be read as an image: .*404'):
            inferencer(f'{address}/none.jpg')
        server.shutdown()
    assert same(found, inferencer(images / '11.jpg'))


def test_a_stream_does_not_grow(inferencer):
    given, alive = [], []

    def frames(count):
        for number in range(count):
            given.append(number)
            image = np.full((40, 50, 3), number, np.uint8)
            alive.append(weakref.ref(image))
            yield image

    stream = inferencer(frames(30), batch_size=2)
    assert not given
    for number, result in enumerate(stream):
        assert result.image[0, 0, 0] == number
        del result
        assert len(given) <= number + 2
        assert sum(ref() is not None for ref in alive) <= 4
    assert len(given) == 30
    with pytest.raises(StopIteration):
        next(inferencer(iter(())))


def test_thresholds_act_without_the_network(inferencer, images, counted):
    observed = inferencer.observe(images / '11.jpg')
    everything, nothing = observed.result(), observed.result(pixel_confidence_threshold=1.0)
    assert everything.segments_info and not nothing.segments_info and counted == [1]
    assert same(inferencer(images / '11.jpg', pixel_confidence_threshold=1.0), nothing)
    assert same(inferencer(images / '11.jpg'), everything)
    assert inferencer.model.panoptic_fusion_head.test_cfg['pixel_confidence_threshold'] == 0


def test_clusters_are_found_on_demand(inferencer, images, counted):
    result = inferencer(images / '11.jpg')
    kept = inferencer.observe(images / '11.jpg', with_clusters=True).result()
    assert counted == [1, 1]
    assert [layer.stride for layer in kept.clusters] == [32, 16, 8] and counted == [1, 1]
    for late, early in zip(result.clusters, kept.clusters, strict=True):
        assert late.assignment.shape == (70, 90) and late.num_clusters == 8
        assert np.array_equal(late.assignment, early.assignment)
    assert counted == [1, 1, 1]


def test_threads_get_what_each_asked_for(inferencer, images):
    thresholds = [dict(overlap_threshold=value) for value in (0.0, 0.5, 0.9, 1.0)]
    names = ['11.jpg', '12.png', '13.jpg', 'more/14.jpg']
    alone = [inferencer(images / n, **t) for n, t in zip(names, thresholds, strict=True)]
    together = {}

    def work(number):
        together[number] = [
            inferencer(images / names[number], **thresholds[number]) for _ in range(5)
        ]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(result, alone[n]) for n, results in together.items() for result in results)


def test_precision_and_fusion(folder, named_weights, images, inferencer):
    logits = inferencer.observe(images / '11.jpg').observation.mask_logits
    for options, tolerance in ((dict(amp=True), 0.1), (dict(fuse=True), 1e-4)):
        other = KMaXInferencer(folder / 'everything.py', named_weights, 'cpu', **options)
        changed = other.observe(images / '11.jpg').observation.mask_logits.float()
        assert 0 < (changed - logits).abs().max() <= tolerance * logits.abs().max()
        assert not (changed.dtype == torch.float32 and torch.equal(changed, logits))


def test_kinds_of_images(inferencer, tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    picture = Image.fromarray(rgb)
    exif = Image.Exif()
    exif[0x0112] = 6  # A quarter turn clockwise.
    cases = {
        'turned.png': (dict(exif=exif), picture, (60, 40)),
        'cmyk.tif': ({}, picture.convert('CMYK'), (40, 60)),
        'alpha.png': ({}, picture.convert('RGBA'), (40, 60)),
        'grey.png': ({}, picture.convert('L'), (40, 60)),
        'deep.png': ({}, Image.fromarray(rgb[..., 0].astype(np.uint16) * 257), (40, 60)),
        'dot.png': ({}, picture.resize((1, 1)), (1, 1)),
        'page.png': (
            dict(save_all=True, append_images=[Image.new('RGB', (60, 40))]),
            picture,
            (40, 60),
        ),
    }
    for name, (options, image, shape) in cases.items():
        image.save(tmp_path / name, **options)
        result = inferencer(tmp_path / name)
        assert result.id_map.shape == result.image.shape[:2] == shape, name
    turned, page = inferencer(tmp_path / 'turned.png'), inferencer(tmp_path / 'page.png')
    assert np.array_equal(turned.image, np.rot90(rgb, -1))
    assert np.array_equal(page.image, rgb)
    deep = inferencer(tmp_path / 'deep.png').image
    assert np.array_equal(deep, np.repeat(rgb[..., :1], 3, axis=2))
    content = io.BytesIO()
    picture.save(content, 'JPEG')
    assert inferencer(content.getvalue()).id_map.shape == (40, 60)


REFUSED = {
    'threshold': (dict(class_threshold_thing=1.5), 'test_cfg.class_threshold_thing'),
    'no threshold': (dict(treshold=0.5), r"test_cfg has unknown fields \['treshold'\]"),
    'batch': (dict(batch_size=0), 'batch_size'),
    'no result': (dict(panoptic_on=False), 'panoptic_on must be True here'),
    'order': (dict(channel_order='RGB'), "channel_order is 'RGB', but must be 'bgr' or 'rgb'"),
}


@pytest.mark.parametrize('case', REFUSED)
def test_calls_that_make_no_sense(case, inferencer, images, counted):
    options, message = REFUSED[case]
    one = str(images / '11.jpg')
    for inputs in (one, [one], iter([one])):
        with pytest.raises(ValueError, match=message):
            inferencer(inputs, **options)
    assert not counted


def test_images_that_cannot_be_read(inferencer, images, tmp_path):
    with pytest.raises(OSError, match=r'15\.jpg cannot be read as an image'):
        inferencer(images / '15.jpg')
    with pytest.raises(FileNotFoundError, match=r'holds no image'):
        inferencer(tmp_path)
    with pytest.raises(FileNotFoundError, match=r'no image fits .*\*\.bmp'):
        inferencer(f'{images}/*.bmp')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        with pytest.raises(OSError, match=r'15\.jpg cannot be read'):
            inferencer([images / '15.jpg'])
    with pytest.raises(TypeError, match='an image of type int cannot be read'):
        inferencer(3)
    with pytest.raises(FileNotFoundError, match='an empty name is no image'):
        inferencer('')
    one = str(images / '11.jpg')
    with pytest.warns(UserWarning, match='2 bytes were given') as caught:
        assert len(inferencer([one, b'no', one])) == 2
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match='2 bytes were given') as caught:
        assert len([result for result in inferencer(iter([one, b'no', one]))]) == 2
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=r'15\.jpg'):
        assert len(inferencer([one, images, f'{images}/*.png'])) == 6


def test_categories_are_those_of_the_data(folder, named_weights, inferencer):
    assert inferencer.classes.category_ids is None  # Of a checkpoint that tells none.
    of_config = KMaXInferencer(folder / 'everything.py', folder / 'weights.pth', 'cpu').classes
    assert of_config.names == ('box', 'ball', 'sky') and of_config.category_ids == (2, 3, 1)


def test_models_that_cannot_be_used(folder, named_weights):
    with pytest.raises(ValueError, match='comes without weights: give its checkpoint as weights'):
        KMaXInferencer(folder / 'everything.py')
    with pytest.raises(ValueError, match=r'kmax_nano_shapes-panoptic\.py comes without weights'):
        KMaXInferencer('kmax_nano_shapes-panoptic')
    with pytest.raises(ValueError, match='called kmax_r50_coc; did you mean kmax_r50_coco or '):
        KMaXInferencer('kmax_r50_coc')
    with pytest.raises(ValueError, match='a config comes without weights: give its checkpoint'):
        KMaXInferencer(Config.fromfile(folder / 'everything.py'))
    with pytest.raises(ValueError, match="amp is 'int8', but must be True, False, float16 or"):
        KMaXInferencer(folder / 'everything.py', named_weights, 'cpu', amp='int8')
    with pytest.raises(ValueError, match='test_cfg.overlap_threshold'):
        KMaXInferencer(folder / 'everything.py', named_weights, 'cpu', overlap_threshold=2)
    with pytest.raises((ValueError, RuntimeError), match='named.pth'):
        KMaXInferencer(NANO, named_weights, 'cpu')


def test_a_pickled_one_finds_the_same(inferencer, images):
    expected = inferencer(images / '12.png')
    copy = pickle.loads(pickle.dumps(inferencer))
    assert same(copy(images / '12.png'), expected)
    assert copy._turn is not inferencer._turn


def test_a_pickled_result_is_whole_without_the_network(inferencer, images):
    result = inferencer(images / '12.png')
    content = pickle.dumps(result)
    assert len(content) < 3 * (result.id_map.nbytes + result.image.nbytes)
    copy = pickle.loads(content)
    assert same(copy, result) and np.array_equal(copy.plot(), result.plot())
    with pytest.raises(ValueError, match='made without the clusters'):
        copy.clusters  # noqa: B018  (computes them)
    layers = result.clusters
    found = pickle.loads(pickle.dumps(result)).clusters
    assert [layer.stride for layer in found] == [layer.stride for layer in layers]
    assert all(
        np.array_equal(one.assignment, other.assignment)
        for one, other in zip(found, layers, strict=True)
    )

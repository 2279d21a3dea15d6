"""An exported file finds what the inferencer finds with the model that it was made of."""

import numpy as np
import pytest
import torch
from helpers import run_command
from mmengine.config import Config
from PIL import Image

from kmax_deeplab.runtime import PanopticModel
from projects.kmax.apis import KMaXInferencer

SIZE = (97, 97)
LOAD, PACK = dict(type='LoadImageFromFile'), dict(type='PackKMaXInputs')
PILLOW = dict(type='LoadImageFromFile', imdecode_backend='pillow')
RESIZES = {
    'aligned': [LOAD, dict(type='KMaXResize', crop_size=SIZE), PACK],
    'fit': [PILLOW, dict(type='Resize', scale=SIZE, keep_ratio=True, backend='pillow'), PACK],
}
THRESHOLDS = dict(
    pixel_confidence_threshold=0.34,
    class_threshold_thing=0.0,
    class_threshold_stuff=0.0,
    overlap_threshold=0.3,
    thing_area_limit=4,
    stuff_area_limit=4,
)


@pytest.fixture(scope='module')
def checkpoint(folder, named_weights, tmp_path_factory):
    """Weights of the tiny model whose masks differ, so that it finds several segments."""
    content = torch.load(named_weights)
    state = content['state_dict']
    torch.manual_seed(0)
    for name, scale in (('mask_bn.weight', 60), ('class_head.weight', 8)):
        (full,) = (key for key in state if key.endswith(f'panoptic_head.predictor.{name}'))
        state[full] = scale * torch.randn_like(state[full]).abs().clamp(min=0.5)
    path = tmp_path_factory.mktemp('exported') / 'weights.pth'
    torch.save(content, path)
    return path


@pytest.fixture(scope='module', params=list(RESIZES))
def pair(request, folder, checkpoint, tmp_path_factory):
    """The inferencer and the file of a recipe."""
    pytest.importorskip('onnxscript', reason='onnxscript, which exports, is absent')
    place = tmp_path_factory.mktemp(request.param)
    config = Config.fromfile(folder / 'config.py')
    config.test_dataloader.dataset.pipeline = RESIZES[request.param]
    config.model.data_preprocessor.pad_size = SIZE
    config.model.test_cfg.update(THRESHOLDS)
    config.dump(place / 'config.py')
    words = (place / 'config.py', checkpoint, place / 'model.onnx', '--no-check')
    run_command('export', 'export.py', *words)
    return KMaXInferencer(place / 'config.py', checkpoint, 'cpu'), place / 'model.onnx'


@pytest.mark.slow
@pytest.mark.parametrize('engine', ['onnxruntime', 'openvino'])
def test_results_are_those_of_the_inferencer(engine, pair, tmp_path):
    pytest.importorskip(engine, reason=f'{engine} is absent')
    inferencer, file = pair
    model = PanopticModel(file, engine, threads=1)
    found = 0
    for number, size in enumerate([SIZE, (60, 200), (250, 90), (1, 1), (33, 20)]):
        rng = np.random.default_rng(number)
        small = rng.integers(0, 256, (5, 7, 3), np.uint8)
        path = tmp_path / f'{number}.png'
        Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC).save(path)
        expected, result = inferencer(path), model(path)
        assert result.id_map.shape == size
        assert (result.id_map == expected.id_map).mean() >= 0.9999
        assert np.array_equal(result.image, expected.image) and result.path == str(path)
        assert result.classes.categories() == expected.classes.categories()
        keys = ('id', 'category_id', 'label_id', 'label', 'isthing')
        for entry, other in zip(result.segments_info, expected.segments_info, strict=True):
            assert [entry[key] for key in keys] == [other[key] for key in keys]
            # A mean over the pixels of the input, not of the image.
            if size == SIZE:
                assert entry['score'] == pytest.approx(other['score'], rel=1e-4)
            elif min(size) > 50:
                assert entry['score'] == pytest.approx(other['score'], abs=0.02)
        found += len(expected.segments_info)
    assert found >= 10

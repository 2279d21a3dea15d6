import json

import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import DetInferencer, inference_detector, init_detector

CLASSES = ('box', 'ball', 'sky')
VOID = 3


@pytest.fixture(scope='module')
def nothing(folder):
    """Inferencer of a model that detects nothing, its weights without class names."""
    return infer_with(folder / 'config.py', str(folder / 'weights.pth'))


@pytest.fixture(scope='module')
def everything(folder):
    """Inferencer of a model that fills the image, without a checkpoint."""
    torch.manual_seed(0)
    return infer_with(folder / 'everything.py', None)


def infer_with(config, weights):
    return DetInferencer(model=str(config), weights=weights, device='cpu', show_progress=False)


@pytest.mark.parametrize('kind', ['path', 'array', 'list', 'folder'])
@pytest.mark.parametrize('model', ['nothing', 'everything'])
def test_every_kind_of_input_gives_files(model, kind, folder, tmp_path, request):
    inferencer = request.getfixturevalue(model)
    path = str(folder / 'images' / '1.png')
    array = cv2.imread(path)
    inputs = {'path': path, 'array': array, 'list': [path, array], 'folder': str(folder / 'images')}
    count = {'path': 1, 'array': 1, 'list': 2, 'folder': 3}[kind]
    inferencer.num_visualized_imgs = inferencer.num_predicted_imgs = 0
    results = inferencer(inputs[kind], out_dir=str(tmp_path), no_save_pred=False)
    assert len(results['predictions']) == count
    assert len(list((tmp_path / 'vis').iterdir())) == count
    maps = sorted((tmp_path / 'preds').glob('*.png'))
    assert len(maps) == len(list((tmp_path / 'preds').glob('*.json'))) == count
    for file in maps:
        ids = cv2.imread(str(file))
        assert ids.shape == (70, 90, 3)
        assert ids.any() == (model == 'everything')
    for file in (tmp_path / 'preds').glob('*.json'):
        content = json.loads(file.read_text())
        assert content['panoptic_seg_path'].endswith('.png')
        assert ('masks' in content) == (model == 'everything')


def test_result_without_files(everything, folder):
    path = str(folder / 'images' / '1.png')
    results = everything(path, return_datasamples=True, return_vis=True)
    panoptic = results['predictions'][0].pred_panoptic_seg.sem_seg
    assert panoptic.shape == (1, 70, 90)
    assert set((panoptic % 1000).unique().tolist()) <= {0, 1, 2, VOID}
    assert results['visualization'][0].shape == (420, 540, 3)


def test_classes_come_from_the_config_without_a_checkpoint_that_names_them(nothing, everything):
    for inferencer in (nothing, everything):
        assert tuple(inferencer.model.dataset_meta['classes']) == CLASSES
        assert inferencer.visualizer.dataset_meta == inferencer.model.dataset_meta


def test_classes_come_from_a_checkpoint_that_names_them(folder, tmp_path):
    names = ('one', 'two', 'three')
    weights, meta = torch.load(folder / 'weights.pth'), dict(dataset_meta=dict(classes=names))
    torch.save(dict(state_dict=weights, meta=meta), tmp_path / 'named.pth')
    model = init_detector(str(folder / 'config.py'), str(tmp_path / 'named.pth'), device='cpu')
    assert model.dataset_meta['classes'] == names


def test_array_is_drawn_in_its_colours(nothing, folder):
    image = cv2.imread(str(folder / 'images' / '1.png'))
    drawn = nothing(image, return_vis=True)['visualization'][0]
    np.testing.assert_array_equal(drawn, cv2.resize(image, (540, 420))[..., ::-1])


def test_init_and_inference_detector(folder):
    model = init_detector(str(folder / 'config.py'), str(folder / 'weights.pth'), device='cpu')
    assert tuple(model.dataset_meta['classes']) == CLASSES
    path = str(folder / 'images' / '1.png')
    samples = inference_detector(model, [path, path])
    for sample in [*samples, inference_detector(model, cv2.imread(path))]:
        assert sample.pred_panoptic_seg.sem_seg.shape == (1, 70, 90)
        assert (sample.pred_panoptic_seg.sem_seg == VOID).all()

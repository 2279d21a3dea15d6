import json

import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import DetInferencer, inference_detector, init_detector
from mmdet.structures import DetDataSample
from mmengine.structures import PixelData

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
        png = content['panoptic_seg_path']
        ids = cv2.imread(png)[..., ::-1].astype(np.int64) @ (1, 256, 256**2)
        segments = {segment['id']: segment for segment in content['segments_info']}
        assert set(np.unique(ids)) - {0} == segments.keys()
        for number, segment in segments.items():
            assert segment['name'] == CLASSES[segment['label']] == CLASSES[number % 1000]
            assert segment['area'] == (ids == number).sum() and 0 < segment['score'] <= 1
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


def test_config_of_the_model_outlives_an_array(folder):
    model = init_detector(str(folder / 'config.py'), str(folder / 'weights.pth'), device='cpu')
    path = folder / 'images' / '1.png'
    array = cv2.imread(str(path))
    config = model.cfg.pretty_text
    for image in (array, array[..., 0], path, [array, path, path.read_bytes()]):
        samples = inference_detector(model, image)
        for sample in samples if isinstance(samples, list) else [samples]:
            assert sample.pred_panoptic_seg.sem_seg.shape == (1, 70, 90)
    assert model.cfg.pretty_text == config
    assert inference_detector(model, []) == []
    with pytest.raises(TypeError, match='uint16'):
        inference_detector(model, array.astype(np.uint16))


@pytest.mark.parametrize('batch_size', [1, 2])
def test_unreadable_images_cost_nobody_else_the_result(nothing, folder, tmp_path, batch_size):
    good = cv2.imread(str(folder / 'images' / '1.png'))
    for name in ('a.png', 'c.png', 'e.png'):
        cv2.imwrite(str(tmp_path / name), good)
    (tmp_path / 'b.png').write_bytes(b'no image')
    (tmp_path / 'd.png').touch()
    inputs = [tmp_path / f'{name}.png' for name in 'abcdef']
    with pytest.warns(UserWarning, match=r'[bdf]\.png cannot be read'):
        results = nothing(inputs, batch_size=batch_size, out_dir=str(tmp_path / 'out'))
    errors = [prediction.get('error', '') for prediction in results['predictions']]
    assert [bool(error) for error in errors] == [False, True, False, True, False, True]
    assert str(tmp_path / 'b.png') in errors[1] and str(tmp_path / 'f.png') in errors[5]
    assert [image is None for image in results['visualization']] == [bool(e) for e in errors]
    assert sorted(p.name for p in (tmp_path / 'out' / 'vis').iterdir()) == [
        'a.png',
        'c.png',
        'e.png',
    ]
    with pytest.raises(OSError, match='f.png cannot be read'):
        nothing(tmp_path / 'f.png')


def test_class_0_without_things_is_not_void(everything):
    stuff = torch.tensor([[[0, 0, 1, VOID]]], dtype=torch.int32)
    sample = DetDataSample(pred_panoptic_seg=PixelData(sem_seg=stuff.clone()))
    result = everything.pred2dict(sample)
    ids = result['panoptic_seg'].astype(np.int64) @ (1, 256, 256**2)
    assert ids.tolist() == [[1000, 1000, 1, 0]]
    assert result['segments_info'] == [
        dict(id=1, label=1, area=1, name='ball'),
        dict(id=1000, label=0, area=2, name='box'),
    ]
    assert torch.equal(sample.pred_panoptic_seg.sem_seg, stuff)

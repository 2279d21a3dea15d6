"""A checkpoint of a panoptic model in mmseg's two ways to load a model."""

import copy

import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import inference_detector, init_detector
from mmengine.config import Config
from mmseg.apis import MMSegInferencer, inference_model, init_model

CLASSES = ('box', 'ball', 'sky')
PALETTE = [(220, 20, 60), (0, 0, 142), (70, 130, 180)]
STEPS = ('LoadImageFromFile', 'LoadAnnotations', 'PackSegInputs')
PIPELINE = [dict(type=name) for name in STEPS]
NORMALISING = dict(type='SegDataPreProcessor', mean=[127.5] * 3, std=[127.5] * 3)
SIZE = (97, 97)


@pytest.fixture(scope='module')
def checkpoint(folder):
    """A checkpoint with contrasts, which fresh weights do not have."""
    weights = torch.load(folder / 'weights.pth')
    generator = torch.Generator().manual_seed(0)
    heads = ('predictor.class_head.weight', 'predictor.mask_bn.weight')
    for name, scale in zip(heads, (5.0, 0.0), strict=True):
        old = weights[f'panoptic_head.{name}']
        weights[f'panoptic_head.{name}'] = 5 + scale * torch.randn(old.shape, generator=generator)
    path = folder / 'panoptic.pth'
    meta = dict(dataset_meta=dict(classes=CLASSES, palette=PALETTE))
    torch.save(dict(state_dict=weights, meta=meta), path)
    return str(path)


@pytest.fixture
def config(folder, tmp_path):
    """The same network in mmseg, for as many classes."""
    model = Config.fromfile(str(folder / 'config.py')).model
    head = {name: value for name, value in model.panoptic_head.items() if 'classes' not in name}
    return Config(
        dict(
            default_scope='mmseg',
            model=dict(
                type='KMaXEncoderDecoder',
                data_preprocessor=dict(NORMALISING, bgr_to_rgb=True, test_cfg=dict(size=SIZE)),
                backbone=dict(model.backbone, type='mmdet.KMaXResNet'),
                decode_head=dict(head, type='KMaXSegHead', num_classes=3),
                test_cfg=dict(mode='whole'),
            ),
            test_pipeline=PIPELINE,
            test_dataloader=dict(dataset=dict(pipeline=PIPELINE)),
            visualizer=dict(type='SegLocalVisualizer', name=tmp_path.name),
        )
    )


@pytest.fixture(scope='module')
def image(folder):
    """An image that fills the input: the two ways to crop and to resize do not matter."""
    return cv2.resize(cv2.imread(str(folder / 'images' / '1.png')), SIZE)


@pytest.fixture(scope='module')
def expected(folder, checkpoint, image):
    """What mmdet's model finds, by the same rule."""
    options = {'model.test_cfg': dict(semantic_on=True, postprocess='port')}
    model = init_detector(
        str(folder / 'everything.py'), checkpoint, device='cpu', cfg_options=options
    )
    labels = inference_detector(model, image).pred_sem_seg.sem_seg[0].numpy()
    assert len(np.unique(labels)) > 1
    return labels


def test_init_model(config, checkpoint, image, expected, capfd):
    model = init_model(config, checkpoint, device='cpu')
    assert 'key' not in capfd.readouterr().out  # neither missing nor unexpected
    saved = torch.load(checkpoint)['state_dict']
    own = model.state_dict()
    assert len(own) == len(saved)
    for name, value in saved.items():
        assert own[name.replace('panoptic_head', 'decode_head')].equal(value), name
    assert tuple(model.dataset_meta['classes']) == CLASSES
    found = inference_model(model, image).pred_sem_seg.data[0]
    assert (found.numpy() == expected).mean() > 0.999


def test_inferencer(config, checkpoint, image, expected, tmp_path):
    inferencer = MMSegInferencer(config, checkpoint, device='cpu')
    result = inferencer(image, return_vis=True, out_dir=str(tmp_path), opacity=1, with_labels=False)
    labels = result['predictions']
    assert (labels == expected).mean() > 0.999
    # The colours are those of the classes that the checkpoint has in these rows.
    assert np.array_equal(result['visualization'], np.array(PALETTE, np.uint8)[labels])
    assert inferencer.visualizer.dataset_meta['classes'] == CLASSES
    (written,) = (tmp_path / 'pred').iterdir()
    assert np.array_equal(cv2.imread(str(written), cv2.IMREAD_UNCHANGED), labels)
    assert len(list((tmp_path / 'vis').iterdir())) == 1


def test_array_is_drawn_in_its_colours(config, checkpoint, image):
    inferencer = MMSegInferencer(config, checkpoint, device='cpu')
    drawn = inferencer(image, return_vis=True, opacity=0, with_labels=False)['visualization']
    assert np.array_equal(drawn, image[..., ::-1])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(num_classes=5, semantic_decoder=dict(num_classes=3)),
            r'class_head\.weight: \(4, 16, 1\) instead of \(6, 16, 1\).*'
            'only the numbers of classes differ: correct num_things_classes',
        ),
        (
            dict(semantic_decoder=dict(num_classes=4)),
            r'semantic_decoder.*\(3,\) instead of \(4,\); only the numbers of classes differ',
        ),
    ],
)
def test_other_classes_are_refused(options, message, config, checkpoint):
    config.merge_from_dict({'model.decode_head': options})
    for load in (init_model, MMSegInferencer):
        with pytest.raises(ValueError, match=message):
            load(copy.deepcopy(config), checkpoint, device='cpu')


def test_copies_load_alike(config, checkpoint):
    """Averages of the weights are kept in copies of the model."""
    model = copy.deepcopy(init_model(config, device='cpu'))
    weights = torch.load(checkpoint)['state_dict']
    model.load_state_dict(weights, strict=True)
    found = model.decode_head.predictor.class_head.weight
    assert found.equal(weights['panoptic_head.predictor.class_head.weight'])
    assert 'decode_head.predictor.class_head.weight' not in weights

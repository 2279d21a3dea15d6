"""Training steps of a tiny detector on the odd batches that data sets hold, in both recipes."""

import json

import cv2
import numpy as np
import pytest
import torch
from helpers import build_model, panoptic_sample

from projects.kmax.datasets import KMaXPanopticDataset
from projects.kmax.panoptic_format import write_panoptic_png

RECIPES = {
    'original': dict(),
    'port': dict(
        assigner=dict(match_empty_masks=True),
        void='unmatched',
        split_overlaps=True,
        align_corners='odd_height',
        loss_semantic=dict(num_samples=4096),
    ),
}
STRIPES = torch.arange(65)[:, None].expand(65, 65) // 8
DOTS = torch.zeros(65, 65, dtype=torch.int64)
DOTS[::4, ::4] = torch.arange(1, 17 * 17 + 1).view(17, 17)


def image(ids, labels):
    pixels = torch.rand(3, *ids.shape, generator=torch.Generator().manual_seed(0)) * 255
    return pixels, panoptic_sample(ids[None], labels, img_shape=tuple(ids.shape))


USUAL = image(STRIPES, [0, 0, 1, 1, 2, 2, 0, 1])
NOTHING = image(STRIPES * 0, [])
BATCHES = {
    'no masks in one image': [USUAL, NOTHING],
    'no masks in any image: all void or crowd': [NOTHING, NOTHING],
    'segments without pixels': [USUAL, image(STRIPES * 0, [0, 1])],
    'more masks than queries': [USUAL, image(DOTS, [0] * 17 * 17)],
    'segments of one pixel': [USUAL, image(DOTS * (DOTS < 4), [0, 1, 0])],
    'images of different sizes': [USUAL, image(STRIPES[:33, :50], [0, 1, 0, 1])],
}


@pytest.fixture(scope='module', params=RECIPES)
def model(request, nano_model):
    config = nano_model()
    config.panoptic_head.criterion |= RECIPES[request.param]
    config.train_cfg.max_things = 512
    return build_model(config).train()


def train_step(model, batch):
    data = dict(inputs=[pixels for pixels, _ in batch], data_samples=[x for _, x in batch])
    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    total, log = model.parse_losses(losses)
    model.zero_grad()
    total.backward()
    return total, log


@pytest.mark.parametrize('name', BATCHES)
def test_losses_and_gradients_are_finite(model, name):
    total, log = train_step(model, BATCHES[name])
    assert total.isfinite() and total > 0
    assert all(torch.as_tensor(value).isfinite() for value in log.values())
    for parameter, values in model.named_parameters():
        assert values.grad is None or values.grad.isfinite().all(), parameter
    assert any(values.grad is not None and values.grad.any() for values in model.parameters())


def test_without_masks_only_classes_are_learnt(model):
    _, log = train_step(model, BATCHES['no masks in any image: all void or crowd'])
    terms = {name: value for name, value in log.items() if 'loss_' in name}
    assert len(terms) == 4 * (1 + len(model.panoptic_head.transformer_decoder.layers)) + 1
    for name, value in terms.items():
        assert (value > 0) == name.endswith('loss_cls'), name


@pytest.fixture
def crowd_and_void(tmp_path):
    """Samples of two images on disk, one of which is a crowd, the other void."""
    image, ids = np.zeros((65, 65, 3), np.uint8), np.zeros((65, 65), np.uint32)
    segments = dict(crowd=[dict(id=7, category_id=1, iscrowd=1)], void=[])
    content = dict(images=[], annotations=[], categories=[dict(id=1, name='a', isthing=1)])
    for number, (name, infos) in enumerate(segments.items()):
        cv2.imwrite(str(tmp_path / f'{name}.jpg'), image)
        write_panoptic_png(tmp_path / f'{name}.png', ids + 7 * len(infos))
        content['images'].append(dict(id=number, file_name=f'{name}.jpg', height=65, width=65))
        annotation = dict(image_id=number, file_name=f'{name}.png', segments_info=infos)
        content['annotations'].append(annotation)
    (tmp_path / 'panoptic.json').write_text(json.dumps(content))
    load = ('LoadImageFromFile', 'LoadPanopticIds', 'PackKMaXInputs')
    dataset = KMaXPanopticDataset(
        ann_file=str(tmp_path / 'panoptic.json'),
        data_prefix=dict(img=str(tmp_path), seg=str(tmp_path)),
        pipeline=[dict(type=name) for name in load],
    )
    return [(sample['inputs'], sample['data_samples']) for sample in dataset]


def test_images_of_crowd_and_void_equal_images_without_masks(model, crowd_and_void):
    total, log = train_step(model, crowd_and_void)
    without_masks = [(pixels, NOTHING[1]) for pixels, _ in crowd_and_void]
    assert total.isfinite() and total == train_step(model, without_masks)[0]
    assert log['matched'] == 0 and log['loss_mask'] == 0


def test_figures_of_the_log_do_not_enter_the_total(model):
    total, log = train_step(model, BATCHES['images of different sizes'])
    figures = {'matched', 'class_accuracy', 'void_share', 'pixel_accuracy', 'd0.pixel_accuracy'}
    assert figures <= set(log)
    terms = sum(value for name, value in log.items() if 'loss_' in name)
    assert total.item() == pytest.approx(terms.item(), rel=1e-5)
    assert 0 < log['matched'] <= 12


def test_nan_in_the_network_reaches_the_loss(model):
    state = {name: values.clone() for name, values in model.state_dict().items()}
    next(model.panoptic_head.predictor.parameters()).data.fill_(float('nan'))
    try:
        total, _ = train_step(model, BATCHES['no masks in one image'])
        assert total.isnan()
    finally:
        model.load_state_dict(state)

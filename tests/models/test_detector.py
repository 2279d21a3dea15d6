"""The detector as mmdet's users configure, copy and store it."""

import copy
import pickle

import pytest
import torch
from helpers import build_model
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample


@pytest.fixture
def config(nano_model):
    return nano_model()


@pytest.fixture
def model(config):
    return build_model(config).eval()


def logits(model, size=(65, 97)):
    """Class and mask logits of a fixed image."""
    image = torch.linspace(-1, 1, 3 * size[0] * size[1]).reshape(1, 3, *size)
    weight = next(model.parameters())
    with torch.no_grad():
        return model.panoptic_head.predict(model.extract_feat(image.to(weight)))


def test_numbers_of_classes_are_set_once(config):
    config.panoptic_head.update(num_things_classes=3, num_stuff_classes=4)
    model = MODELS.build(config)
    fusion = model.panoptic_fusion_head
    assert (fusion.num_things_classes, fusion.num_stuff_classes) == (3, 4)
    assert model.panoptic_head.semantic_decoder.head.final.out_channels == 7


def test_given_numbers_of_classes_are_kept(config):
    config.panoptic_fusion_head.update(num_things_classes=1, num_stuff_classes=2)
    config.panoptic_head.semantic_decoder.num_classes = 8
    model = MODELS.build(config)
    fusion = model.panoptic_fusion_head
    assert (fusion.num_things_classes, fusion.num_stuff_classes) == (1, 2)
    assert model.panoptic_head.semantic_decoder.head.final.out_channels == 8


@pytest.mark.parametrize('duplicate', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_predict_the_same(model, duplicate):
    torch.testing.assert_close(logits(duplicate(model)), logits(model), rtol=0, atol=0)


def test_stored_weights_predict_the_same(model, config, tmp_path):
    torch.save(model.state_dict(), tmp_path / 'weights.pth')
    other = MODELS.build(config).eval()
    assert not torch.equal(logits(other)[1], logits(model)[1])
    other.load_state_dict(torch.load(tmp_path / 'weights.pth'))
    torch.testing.assert_close(logits(other), logits(model), rtol=0, atol=0)


def test_float64_predicts_what_float32_does(model):
    double = copy.deepcopy(model).double()
    for ours, expected in zip(logits(double), logits(model), strict=True):
        assert ours.dtype == torch.float64
        torch.testing.assert_close(ours.float(), expected, rtol=1e-3, atol=1e-3)


def test_bfloat16_predicts_close_to_float32(model):
    half = copy.deepcopy(model).to(torch.bfloat16)
    for ours, expected in zip(logits(half), logits(model), strict=True):
        assert ours.isfinite().all()
        error = (ours.float() - expected).norm() / expected.norm()
        assert error < 0.05
    sample = DetDataSample(metainfo=dict(img_shape=(65, 97), ori_shape=(65, 97)))
    image = torch.zeros(1, 3, 65, 97, dtype=torch.bfloat16)
    (result,) = half.predict(image, [sample])
    assert result.pred_panoptic_seg.sem_seg.shape == (1, 65, 97)


@pytest.mark.parametrize('step', ['test_step', 'val_step'])
def test_images_of_mixed_sizes_are_predicted_as_each_alone(model, step):
    generator = torch.Generator().manual_seed(0)
    sizes = [(40, 90), (97, 65), (60, 97), (33, 129), (90, 50)]
    images = [torch.rand(3, *size, generator=generator) * 255 for size in sizes]

    def predict(chosen):
        samples = [
            DetDataSample(metainfo=dict(img_shape=size, ori_shape=size, img_id=index))
            for index, size in enumerate(sizes)
        ]
        data = dict(inputs=[images[i] for i in chosen], data_samples=[samples[i] for i in chosen])
        with torch.no_grad():
            return getattr(model, step)(data)

    torch.nn.init.normal_(model.panoptic_head.predictor.class_head.weight, std=5.0)
    together = predict(range(len(sizes)))
    assert [sample.img_id for sample in together] == list(range(len(sizes)))
    for index, sample in enumerate(together):
        [alone] = predict([index])
        assert sample.pad_shape == alone.pad_shape
        panoptic, expected = (s.pred_panoptic_seg for s in (sample, alone))
        assert torch.equal(panoptic.sem_seg, expected.sem_seg)
        torch.testing.assert_close(panoptic.instance_scores, expected.instance_scores)

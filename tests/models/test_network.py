"""Properties of the network that no recorded array shows."""

import math

import pytest
import torch
from helpers import build_model, two_segments
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from torch import nn

from projects.kmax.models import KMeansCrossAttention


@pytest.fixture
def model(nano_model) -> nn.Module:
    return build_model(nano_model())


@pytest.fixture
def sample() -> DetDataSample:
    return two_segments(65, 97)


@pytest.mark.parametrize('size', [(64, 64), (65, 97), (100, 130), (129, 64)])
def test_any_size_works_without_rebuilding(model, size):
    model.eval()
    with torch.no_grad():
        output = model.panoptic_head(model.extract_feat(torch.randn(2, 3, *size)))
    strided = tuple(math.ceil(n / 4) for n in size)
    assert output.cls_logits.shape == (2, 32, 11)
    assert output.mask_logits.shape == (2, 32, *strided)
    assert output.semantic_logits.shape[-2:] == strided
    assert all(value.isfinite().all() for value in (output.cls_logits, output.mask_logits))
    norms = output.pixel_feature.norm(dim=1)
    torch.testing.assert_close(norms, torch.ones_like(norms))


def test_one_image_trains_and_leaves_pooled_statistics_alone(model, sample):
    model.train()
    pooled = model.panoptic_head.semantic_decoder.aspp.pool.norm
    before = pooled.running_mean.clone()
    losses = model.loss(torch.randn(1, 3, 65, 97), [sample])
    sum(losses.values()).backward()
    assert all(loss.isfinite() for loss in losses.values())
    torch.testing.assert_close(pooled.running_mean, before, rtol=0, atol=0)

    model.loss(torch.randn(2, 3, 65, 97), [sample] * 2)
    assert not torch.equal(pooled.running_mean, before)


def test_every_parameter_gets_a_gradient(model, sample):
    model.train()
    losses = model.loss(torch.randn(2, 3, 65, 97), [sample] * 2)
    sum(losses.values()).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []


def test_float64_runs_end_to_end(model):
    model.double().eval()
    feats = model.extract_feat(torch.randn(1, 3, 65, 97, dtype=torch.float64))
    output = model.panoptic_head(feats)
    tensors = [*feats, output.cls_logits, output.mask_logits, output.semantic_logits]
    tensors += [value for aux in output.aux for value in vars(aux).values()]
    assert all(tensor.dtype == torch.float64 for tensor in tensors)


def test_predictions_land_on_the_sample(model, sample):
    model.eval()
    result = model.predict(torch.randn(1, 3, 65, 97), [sample])[0]
    assert result.pred_panoptic_seg.sem_seg.shape == (1, 65, 97)
    assert result.pred_sem_seg.sem_seg.shape == (1, 65, 97)
    assert 'pred_instances' not in result


def test_kmeans_update_is_the_sum_over_assigned_pixels():
    values, logits = torch.randn(2, 5, 6, 7), torch.randn(2, 4, 6, 7)
    assignment = KMeansCrossAttention.assign(logits)
    one_hot = nn.functional.one_hot(assignment.flatten(1), 4).float()
    expected = values.flatten(2) @ one_hot
    torch.testing.assert_close(KMeansCrossAttention.update(values, assignment, 4), expected)


def test_kmeans_attention_works_alone():
    attention = MODELS.build(dict(type='KMeansCrossAttention', embed_dims=16))
    logits = torch.randn(2, 4, 6, 7, requires_grad=True)
    pixels = torch.randn(2, 16, 6, 7, requires_grad=True)
    attention(pixels, logits).square().sum().backward()
    assert pixels.grad is not None
    assert logits.grad is None


def test_initial_weights_are_the_originals(model):
    head = model.panoptic_head
    conv = head.semantic_decoder.aspp.atrous[0].conv.weight
    assert conv.std().item() == pytest.approx(math.sqrt(2 / conv[0].numel()), rel=0.02)
    # Glorot-uniform over 5 * 5 * 128 inputs and 5 * 5 outputs, as Keras counts them.
    depthwise = head.predictor.pixel_head.conv.depthwise_conv.conv.weight
    bound = math.sqrt(6 / (25 * (len(depthwise) + 1)))
    assert depthwise.abs().max().item() == pytest.approx(bound, rel=0.02)
    layer = head.transformer_decoder.layers[0]
    for branch in (layer.kmeans.out, layer.attention.out, layer.ffn[1]):
        assert not branch.norm.weight.any()
    assert layer.predictor.mask_bn.weight.item() == pytest.approx(0.1)
    assert not model.backbone.layer1[0].norm2.weight.any()
    prior = head.predictor.void_prior
    assert prior[-1].item() == pytest.approx(math.log(10 * 0.9 / 0.1))
    assert not prior[:-1].any()


def test_synchronised_norms_start_like_plain_ones(model, nano_model):
    # The runner converts norms before it initialises weights.
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(MODELS.build(nano_model()))
    converted.init_weights()
    expected = model.state_dict()
    norms = [name for name, m in converted.named_modules() if isinstance(m, nn.SyncBatchNorm)]
    assert len(norms) > 100
    for name in norms:
        weight = converted.get_submodule(name).weight
        torch.testing.assert_close(weight, expected[f'{name}.weight'], msg=name)


def test_backbone_refuses_what_it_would_ignore():
    for option in (dict(deep_stem=True), dict(out_indices=(3,))):
        with pytest.raises(TypeError, match=f'does not take {next(iter(option))}'):
            MODELS.build(dict(type='KMaXResNet', depth=18, **option))


def test_wrong_sizes_are_named(nano_model):
    nano_model()  # the scope
    decoder = dict(type='KMaXPixelDecoder', in_channels=[8] * 4)
    for option, message in (
        (dict(num_blocks=(1,)), 'same number of stages'),
        (dict(block_types=('dense',) * 4), "block type 'dense'"),
        (dict(channels=(12,) * 4), 'do not divide into 8 heads'),
    ):
        with pytest.raises(ValueError, match=message):
            MODELS.build(decoder | option)

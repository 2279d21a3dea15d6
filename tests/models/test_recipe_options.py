"""Options in which the original and its port differ."""

import pytest
import torch
import torch.nn.functional as F
from mmdet.registry import MODELS

from projects.kmax.models.layers import PortInit, resize


def features(**options):
    backbone = MODELS.build(dict(type='KMaXResNet', depth=18, base_channels=8, **options))
    backbone.eval()
    return backbone(torch.randn(1, 3, 65, 97))


def test_port_backbone_pools_its_stem_and_activates():
    feats = features(stem_pool=True, activate_outputs=True)
    sizes = [tuple(feat.shape[-2:]) for feat in feats]
    assert sizes == [(17, 25), (17, 25), (9, 13), (5, 7), (3, 4)]
    assert all((feat >= 0).all() for feat in feats)


def test_original_backbone_neither_pools_nor_activates():
    feats = features()
    assert [feat.shape[-1] for feat in feats] == [49, 25, 13, 7, 4]
    assert all((feat < 0).any() for feat in feats)


@pytest.mark.parametrize(('width', 'aligned'), [(5, True), (4, False)])
def test_odd_width_decides_on_corners(width, aligned):
    x = torch.randn(1, 2, 4, width)
    expected = F.interpolate(x, size=(9, 9), mode='bilinear', align_corners=aligned)
    assert torch.equal(resize(x, (9, 9), 'odd_width'), expected)


def test_unknown_corner_rule_is_refused():
    with pytest.raises(ValueError, match="align_corners is 'even'"):
        resize(torch.zeros(1, 1, 2, 2), (3, 3), 'even')


def pixel_decoder(**options):
    return MODELS.build(
        dict(
            type='KMaXPixelDecoder',
            in_channels=[4, 8, 16, 24, 32],
            channels=(16, 8, 8, 4, 4),
            num_blocks=(1,) * 5,
            block_types=('bottleneck',) * 5,
            **options,
        )
    )


def test_pixel_decoder_takes_features_in_the_order_named():
    decoder = pixel_decoder(in_indices=(4, 3, 2, 0, 1))
    assert [norm.normalized_shape[0] for norm in decoder.norms] == [32, 24, 16, 4, 8]
    sizes = [17, 17, 9, 5, 3]
    feats = [torch.randn(2, c, s, s) for c, s in zip([4, 8, 16, 24, 32], sizes, strict=True)]
    assert [out.shape[-1] for out in decoder(feats)] == [3, 5, 9, 17, 17]


@pytest.mark.parametrize('indices', [(4, 3), (5, 4, 3, 2, 1), (-1, -2, -3, -4, -5)])
def test_pixel_decoder_refuses_features_that_do_not_exist(indices):
    with pytest.raises(ValueError, match='must name one of 5 features for each of 5 stages'):
        pixel_decoder(in_indices=indices)


def test_skip_of_the_right_width_is_not_projected():
    decoder = pixel_decoder(in_indices=(4, 3, 2, 0, 1))
    projected = [bool(list(fusion.skip.parameters())) for fusion in decoder.fusions]
    assert projected == [True, True, False, True]


def test_semantic_decoder_may_take_low_levels_as_they_are():
    torch.manual_seed(0)
    config = dict(
        type='KMaXSemanticDecoder', in_channels=[4, 8, 8, 8], num_classes=3, channels=8, dropout=0.0
    )
    decoders = {act: MODELS.build(config | dict(act=act)).eval() for act in ('relu', None)}
    decoders['relu'].load_state_dict(decoders[None].state_dict())
    feats = [torch.randn(1, c, s, s) for c, s in zip([4, 8, 8, 8], [17, 9, 5, 3], strict=True)]
    activated = [feats[0].relu(), feats[1].relu(), *feats[2:]]
    assert torch.equal(decoders['relu'](feats), decoders[None](activated))
    assert not torch.equal(decoders['relu'](feats), decoders[None](feats))


def test_port_init_ignores_the_kernels_size():
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(64, 512, 3)
    PortInit()(conv)
    assert conv.weight.std().item() == pytest.approx((2 / 64) ** 0.5, rel=0.02)
    assert not conv.bias.any()

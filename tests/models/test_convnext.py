"""ConvNeXt against features recorded from the PyTorch port, and what no recorded array shows."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import build_model
from mmdet.registry import MODELS

SMALL = dict(type='KMaXConvNeXt', arch=dict(depths=[1, 1, 2, 1], channels=[8, 16, 24, 32]))


def build(**options):
    torch.manual_seed(0)
    return build_model({**SMALL, **options})


@pytest.mark.parametrize('padding', ['odd', 'always'])
def test_features_equal_the_ports(oracle, port_formula, padding):
    expected = np.load(oracle('pytorch/forward_convnext_tiny_s129.npz'))
    meta = json.loads(oracle('pytorch/forward_convnext_tiny_s129.meta.json').read_text())

    backbone = MODELS.build(dict(type='KMaXConvNeXt', arch='tiny', padding=padding))
    state = {}
    for name, value in backbone.state_dict().items():
        theirs = name.replace('depthwise_conv', 'dwconv').replace('pointwise_conv', 'pwconv')
        made = port_formula.make(f'backbone.{theirs}', tuple(value.shape))
        state[name] = torch.as_tensor(made)
    backbone.load_state_dict(state)
    backbone.eval()
    first = meta['images'][0]
    image = torch.as_tensor(port_formula.image(first['seed'], *first['net_hw']))[None].float()
    with torch.no_grad():
        feats = backbone(image / 127.5 - 1)
    for i, feat in enumerate(feats[1:], start=2):
        # The recorded arrays are of a batch, of which this image is the first.
        got = feat.flatten()[:: meta['arrays'][f'feat_res{i}']['stride_flat']].numpy()
        want = expected[f'feat_res{i}'][: len(got)]
        assert np.abs(got - want).max() < 1e-4 * want.std()


@pytest.mark.parametrize('padding', ['odd', 'always'])
@pytest.mark.parametrize('size', [(64, 96), (65, 97), (66, 99), (100, 71)])
def test_every_stage_halves_any_size(size, padding):
    with torch.no_grad():
        outs = build(padding=padding)(torch.randn(1, 3, *size))
    assert [out.shape[1] for out in outs] == [8, 8, 16, 24, 32]
    for out, stride in zip(outs, (4, 4, 8, 16, 32), strict=True):
        assert tuple(out.shape[-2:]) == tuple(math.ceil(n / stride) for n in size)


def test_stem_pads_one_before_and_two_after():
    backbone = build()
    x = torch.randn(1, 3, 65, 64)
    # Only the height is odd.
    expected = backbone.downsample_layers[0](F.pad(x, (0, 0, 1, 2)))
    torch.testing.assert_close(backbone(x)[0], expected)
    expected = build(padding='always').downsample_layers[0](F.pad(x, (1, 2, 1, 2)))
    torch.testing.assert_close(build(padding='always')(x)[0], expected)


def test_padded_pixels_become_the_bias_of_the_norm():
    backbone = build()
    norm, conv = backbone.downsample_layers[1]
    torch.nn.init.constant_(norm.bias, 0.5)
    seen = []
    conv.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    backbone(torch.randn(1, 3, 65, 65))
    assert seen[0].shape[-2:] == (18, 18)
    assert (seen[0][..., -1, :] == 0.5).all() and (seen[0][..., :, -1] == 0.5).all()
    assert not (seen[0][..., :-1, :-1] == 0.5).all()


def test_parameters_are_mmpretrains():
    theirs = MODELS.build({**SMALL, 'type': 'mmpretrain.ConvNeXt', 'out_indices': (3,)})
    names = {name for name in theirs.state_dict() if not name.startswith('norm3.')}
    assert set(build().state_dict()) == names


def test_drop_path_is_linear_over_the_blocks():
    blocks = [block for stage in build(drop_path_rate=0.4).stages for block in stage]
    rates = [getattr(block.drop_path, 'drop_prob', 0.0) for block in blocks]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(
    ('options', 'error', 'message'),
    [
        (dict(padding='same'), ValueError, "padding is 'same', not 'odd' or 'always'"),
        (dict(out_indices=(3,)), TypeError, 'does not take out_indices'),
        (dict(gap_before_final_norm=True), TypeError, 'does not take gap_before_final_norm'),
    ],
)
def test_what_it_cannot_do_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        build(**options)

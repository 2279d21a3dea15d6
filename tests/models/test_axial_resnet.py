"""Properties of the axial backbone that no recorded array shows."""

import math

import pytest
import torch
from helpers import build_model
from mmcv.cnn.bricks import DropPath
from mmdet.registry import MODELS

from projects.kmax.models.layers import AxialAttention1d, AxialBlock, BottleneckBlock
from projects.kmax.models.layers.axial_attention import MAX_SPAN, WIDTH, relative_positions

SMALL = dict(type='AxialResNet', stem_channels=(8, 8, 16), channels=(8, 8, 16, 16))
SMALL |= dict(num_blocks=(1, 1, 2, 2), num_axial=(0, 0, 1, 2))
BLOCK = dict(in_channels=64, channels=16, num_heads=8, norm_cfg=dict(type='BN'))


def build(**options):
    torch.manual_seed(0)
    return build_model({**SMALL, **options})


@pytest.mark.parametrize('size', [(64, 64), (65, 97), (100, 71)])
def test_every_stage_halves_any_size(size):
    with torch.no_grad():
        outs = build().eval()(torch.randn(1, 3, *size))
    assert [out.shape[1] for out in outs] == [16, 32, 32, 64, 64]
    sizes = [tuple(out.shape[-2:]) for out in outs]
    assert sizes == [tuple(math.ceil(n / 2**i) for n in size) for i in range(1, 6)]


def test_blocks_and_drop_path_are_max_s():
    with torch.device('meta'):
        backbone = MODELS.build(dict(type='AxialResNet'))
    kinds = [''.join('a' if isinstance(b, AxialBlock) else 'c' for b in s) for s in backbone.stages]
    assert kinds == ['ccc', 'cccc', 'caaaaa', 'aaa']
    assert isinstance(backbone.stages[2][0], BottleneckBlock)
    keep = [[1 - block.drop_path.drop_prob for block in stage] for stage in backbone.stages]
    assert keep[0] + keep[1] == [1] * 7
    assert keep[2] == pytest.approx([1, *[0.85] * 5])
    assert keep[3] == pytest.approx([0.85, 0.8, 0.8])
    # The sum over the encoder's variables in the original's checkpoint.
    assert sum(p.numel() for p in backbone.parameters()) == 41343424


def test_only_the_branch_is_dropped():
    block = AxialBlock(**BLOCK, drop_path_rate=0.5)
    assert isinstance(block.drop_path, DropPath)
    torch.nn.init.ones_(block.conv3.norm.weight)
    torch.manual_seed(0)
    x = torch.randn(16, 64, 5, 5)
    kept = (block(x) - torch.nn.functional.gelu(x)).flatten(1).any(dim=1)
    assert 0 < kept.sum() < 16


def test_strided_block_attends_before_it_drops_rows_and_columns():
    torch.manual_seed(0)
    whole, strided = AxialBlock(**BLOCK).eval(), AxialBlock(**BLOCK, stride=2).eval()
    strided.load_state_dict(whole.state_dict(), strict=False)
    x = torch.randn(1, 64, 9, 7)
    with torch.no_grad():
        assert strided.attention(whole.conv1(x)).shape == (1, 32, 5, 4)
        # Rows attend in all columns; columns in the rows that are left.
        tall = whole.attention.height_axis(whole.conv1(x))[:, :, ::2]
        expected = whole.attention.width_axis(tall, WIDTH)[..., ::2]
        torch.testing.assert_close(strided.attention(whole.conv1(x)), expected)


def test_positions_beyond_the_tables_share_the_outermost_embedding():
    torch.manual_seed(0)
    attention = AxialAttention1d(
        in_channels=8, key_channels=8, value_channels=16, num_heads=8, norm_cfg=dict(type='BN')
    ).eval()
    distances = relative_positions(MAX_SPAN + 20, torch.device('cpu'))
    assert distances.min() == 0 and distances.max() == 2 * MAX_SPAN - 2
    assert distances[0, MAX_SPAN - 2] < distances[0, MAX_SPAN - 1] == distances[0, -1]
    with torch.no_grad():
        assert attention(torch.randn(1, 8, MAX_SPAN + 20, 1)).isfinite().all()


def test_every_parameter_gets_a_gradient():
    backbone = build(drop_path_rate=0.0).train()
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)
    sum(out.square().mean() for out in backbone(torch.randn(2, 3, 65, 97))).backward()
    without = [n for n, p in backbone.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_residual_branches_start_silent():
    for block in (block for stage in build().stages for block in stage):
        assert not block.conv3.norm.weight.any()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(stem_channels=(8, 8)), r'stem_channels \(8, 8\) must name three'),
        (dict(num_blocks=(1, 1)), r'num_blocks \(1, 1\).*same number of stages'),
        (dict(num_axial=(2, 0, 1, 2)), r'no more axial ones than blocks.*num_axial \(2, 0, 1, 2\)'),
        (dict(channels=(8, 8, 12, 16)), '12 key and 24 value channels do not divide into 8 heads'),
    ],
)
def test_numbers_that_do_not_fit_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)

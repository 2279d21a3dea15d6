"""What the losses are made of: a softmax over queries, features at pixels, targets of a stride."""

import pytest
import torch
import torch.nn.functional as F

from projects.kmax.models.losses.ground_truth import Matches, subsample
from projects.kmax.models.losses.instance_discrimination_loss import gather_features
from projects.kmax.models.losses.pixel_softmax import PixelSoftmax, pixel_softmax


def test_pixel_softmax_equals_autograd():
    logits = torch.randn(2, 5, 11, dtype=torch.float64, requires_grad=True)
    query = torch.randint(5, (2, 11))
    inside = torch.rand(2, 11).gt(0.5).double()
    has_query = inside.bool() & torch.rand(2, 11).gt(0.3)
    shares = F.one_hot(query, 5).transpose(1, 2) * has_query[:, None].double()

    def reduce(values: torch.Tensor, **of_pixels: torch.Tensor) -> PixelSoftmax:
        nothing = torch.zeros(2, 5)
        matches = Matches(*[nothing] * 5, query, has_query, **of_pixels)
        return pixel_softmax(values, matches, inside)

    def differentiable(x: torch.Tensor) -> list[torch.Tensor]:
        return [values for name, values in reduce(x)._asdict().items() if name != 'highest']

    assert torch.autograd.gradcheck(differentiable, logits)
    found, expected = reduce(logits), reduce(logits, shares=shares)
    torch.testing.assert_close(found.own_logit * has_query, expected.own_logit)
    for name in ('highest', 'log_normalizer', 'mass', 'overlap'):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize('align_corners', [True, False])
@pytest.mark.parametrize('source', [(5, 7), (3, 2), (1, 1), (9, 13), (12, 26)])
def test_gathered_features_equal_resized_ones(source, align_corners):
    feature = torch.randn(2, 8, *source, dtype=torch.float64)
    pixels = torch.randint(9 * 13, (2, 50))
    resized = F.interpolate(feature, (9, 13), mode='bilinear', align_corners=align_corners)
    expected = resized.flatten(2).gather(2, pixels[:, None].expand(-1, 8, -1)).transpose(1, 2)
    found = gather_features(feature, pixels, (9, 13), align_corners)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('full, part', [(33, 9), (33, 2), (32, 16), (24, 3), (7, 1), (5, 5)])
def test_subsample(full, part):
    index = subsample(torch.arange(full)[:, None], (part, 1))[:, 0].tolist()
    assert len(index) == part and index[0] == 0
    if part > 1 and (full - 1) % (part - 1) == 0:
        assert index == list(range(0, full, (full - 1) // (part - 1)))


@pytest.mark.parametrize('full', [1, 2, 5, 10, 16, 24, 33, 48, 64, 65, 97, 161, 321])
@pytest.mark.parametrize('stride', [1, 2, 4, 8])
def test_subsample_takes_the_pixels_of_a_strided_network(full, stride):
    grid = torch.arange(full * full).view(full, full)
    expected = grid[::stride, ::stride]
    assert torch.equal(subsample(grid, expected.shape), expected)

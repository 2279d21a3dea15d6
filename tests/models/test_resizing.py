"""Masks at full resolution, a tile at a time."""

import pytest
import torch
import torch.nn.functional as F

from projects.kmax.models.postprocess.resizing import padded_axes, tiles


@pytest.mark.parametrize('size', [(33, 200), (130, 301)])
@pytest.mark.parametrize('autocast', [False, True])
def test_tiles_make_up_the_resized_masks(size, autocast):
    torch.manual_seed(0)
    masks = 10 * torch.randn(40, 17, 61)
    expected = F.interpolate(masks[None], size, mode='bilinear', align_corners=True)[0]
    resized = torch.full_like(expected, float('nan'))
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=autocast):
        for (rows, columns), logits in tiles(masks, padded_axes(masks, size)):
            resized[:, rows, columns] = logits.transpose(0, 1)
    assert (resized - expected).abs().max() < 1e-4

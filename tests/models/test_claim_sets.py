"""Sets of claims are told apart however many there are, and paint maps of small integers."""

import numpy as np
import pytest
import torch

from projects.kmax.models.postprocess.merging import ClaimSets
from projects.kmax.models.postprocess.tables import look_up, paint


# A table of all sets, sets that occur, and codes beyond 31 bits on the way.
@pytest.mark.parametrize(('num_claimants', 'side'), [(128, 40), (3000, 40), (32000, 300)])
def test_codes_tell_the_claims(num_claimants, side):
    generator = torch.Generator().manual_seed(0)
    size = (3, side, side)
    claims = torch.randint(0, num_claimants + 1, size, generator=generator, dtype=torch.int16)
    before = claims.clone()
    sets = ClaimSets.count(claims, num_claimants)
    assert claims.equal(before)
    assert sets.codes.dtype == torch.int32
    np.testing.assert_array_equal(sets.claimed[sets.codes], claims.permute(1, 2, 0))
    expected = np.bincount(sets.codes.flatten(), minlength=len(sets.claimed))
    np.testing.assert_array_equal(sets.pixels, expected)


def test_maps_are_painted_by_the_winner_of_each_set():
    codes = torch.tensor([[0, 1, 2], [2, 2, 0]], dtype=torch.int32)
    winner = np.array([2, 0, 1])  # The first set has none of two masks.
    painted = paint(np.array([7, 9]), 133, winner, codes, torch.int32)
    assert painted.tolist() == [[133, 7, 9], [9, 9, 133]]
    assert painted.dtype == torch.int32
    table = torch.tensor([0.5, 0.25, 1.0])
    assert look_up(table, codes.short()).equal(table[codes.long()])

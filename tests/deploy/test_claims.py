"""Sums of numbers tell which queries claim a pixel."""

from itertools import combinations

import pytest

from projects.kmax.deploy.claims import ClaimCodes


@pytest.mark.parametrize('num_queries', [1, 2, 8, 100, 128])
def test_every_set_of_two_has_a_sum_of_its_own(num_queries):
    codes = ClaimCodes.make(num_queries)
    number = codes.number.tolist()
    sets = {0: (num_queries, num_queries)}
    for first, second in combinations(range(num_queries), 2):
        sets[number[first] + number[second]] = first, second
        assert (
            codes.pair[first, second]
            == codes.pair[second, first]
            == codes.number[first] + (codes.number[second])
        )
    for query in range(num_queries):
        sets[number[query]] = query, num_queries
        assert codes.pair[query, query] == number[query]
    assert len(sets) == 1 + num_queries + num_queries * (num_queries - 1) // 2
    for code, (first, second) in sets.items():
        assert codes.sets[code] == first * (num_queries + 1) + second


def test_sums_are_exact_in_float32():
    """In which they are computed; the merge counts pixels by them."""
    assert ClaimCodes.make(512).size < 2**24

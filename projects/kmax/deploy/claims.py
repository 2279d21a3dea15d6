"""Which masks claim a pixel, as one number, by which pixels are counted and painted."""

from dataclasses import dataclass

import torch
from torch import Tensor

MOST_CLAIMS = 2
"""Masks that can have more than a third of a pixel's probability each."""


@dataclass(frozen=True, eq=False)
class ClaimCodes:
    """Numbers of queries of which no two pairs, and no single one, have the same sum.

    So the sum of the numbers of those that claim a pixel tells which they are, if they are two at
    most: one pass over the probabilities finds them.

    Attributes:
        number: ``(N,)`` int64 of each query.
        size: One more than the largest sum.
        pair: ``(N, N)`` int64 sum of each pair; on the diagonal a query's own number.
        sets: ``(size,)`` int64: of each sum the pair, p * (N + 1) + q with p <= q, where N stands
            for no query.
    """

    number: Tensor
    size: int
    pair: Tensor
    sets: Tensor

    @classmethod
    def make(cls, num_queries: int) -> 'ClaimCodes':
        """Choose the numbers.

        Sums of pairs differ for 2 p k + (k^2 mod p) with k below a prime p (Erdos and Turan, 1941).
        The first of these is 0 and stands for no query.

        >>> codes = ClaimCodes.make(2)
        >>> codes.number.tolist(), codes.size, codes.pair.tolist()
        ([7, 13], 27, [[7, 20], [20, 13]])
        >>> codes.sets[[0, 7, 20]].tolist()
        [8, 2, 1]
        """
        prime = _prime_above(num_queries)
        k = torch.arange(1, num_queries + 1)
        number = 2 * prime * k + k * k % prime
        both = number[:, None] + number
        pair = torch.where(torch.eye(num_queries, dtype=torch.bool), number[:, None], both)
        size = 2 * int(number.max()) + 1
        sets = torch.full((size,), num_queries * (num_queries + 1) + num_queries)
        first, second = torch.triu_indices(num_queries, num_queries, 1)
        sets[both[first, second]] = first * (num_queries + 1) + second
        sets[number] = (k - 1) * (num_queries + 1) + num_queries
        return cls(number, size, pair, sets)


def _prime_above(number: int) -> int:
    candidate = max(number + 1, 3)
    while any(candidate % divisor == 0 for divisor in range(2, int(candidate**0.5) + 1)):
        candidate += 1
    return candidate

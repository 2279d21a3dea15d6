"""The greedy merge of masks, decided on the host from counts of pixels."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...runtime.step_values import is_on_host

# Sets of claims are told apart by a table of counts up to this size, by sorting beyond.
MAX_BINS = 2**20
INT32_MAX = 2**31 - 1


@dataclass
class Winners:
    """Candidate pasted where each set occurs ``(S,)``, M for none, and its pixels ``(M,)``."""

    of_set: NDArray
    areas: NDArray


def claim_limit(threshold: float, count: int) -> int:
    """Return how many of ``count`` masks can have more than this probability at one pixel.

    Two can have more than 0.4 each, three cannot:

    >>> claim_limit(0.4, count=128)
    2
    """
    return max(1, count if threshold * count <= 1 else int(1 / threshold))


@dataclass
class ClaimSets:
    """The sets of masks that claim a pixel together.

    Attributes:
        codes: ``(H, W)`` int32 number of each pixel's set.
        claimed: ``(S, k)`` on the host: the claims of each set, 0 for none.
        pixels: ``(S,)`` int64 how many pixels have it, on their device.
    """

    codes: Tensor
    claimed: NDArray
    pixels: Tensor

    @classmethod
    def count(cls, claim_maps: Tensor, num_claimants: int) -> 'ClaimSets':
        """Count the sets in maps of claims ``(k, H, W)``, each 1 to ``num_claimants`` or 0.

        Codes are the claims as digits: with 3 numbers, 0 to 2, the set {2, 1} is 2 * 3 + 1.

        >>> sets = ClaimSets.count(torch.tensor([[[2, 2, 1, 1]], [[0, 1, 0, 0]]]), 2)
        >>> sets.codes.tolist(), sets.claimed[7].tolist(), sets.pixels.tolist()
        ([[6, 7, 3, 3]], [2, 1], [0, 0, 0, 2, 0, 0, 1, 1, 0])
        """
        base = num_claimants + 1
        codes = claim_maps[0].to(torch.int32)
        claimed = np.arange(base)[:, None]
        for claim in claim_maps[1:]:
            size = len(claimed) * base
            if size > INT32_MAX:
                codes = codes.long()
            codes.mul_(base).add_(claim)
            if size <= MAX_BINS:
                used = np.arange(size)
            else:
                unique, codes = torch.unique(codes, return_inverse=True)
                used, codes = unique.cpu().numpy(), codes.int()
            claimed = np.concatenate([claimed[used // base], used[:, None] % base], axis=1)
        return cls(codes, claimed, _count(codes.flatten(), len(claimed)))


def _count(codes: Tensor, num_codes: int) -> Tensor:
    """Count int32 codes as ``torch.bincount``, which makes the host wait for accelerators."""
    if is_on_host(codes):
        return torch.bincount(codes, minlength=num_codes)
    one = codes.new_ones(1, dtype=torch.int64)
    return one.new_zeros(num_codes).scatter_add_(0, codes.long(), one.expand(len(codes)))


def merge(sets: ClaimSets, pixels: NDArray, numbers: NDArray, overlap_threshold: float) -> Winners:
    """Paste masks one after the other, each where no earlier one is, unless too little is free.

    Of four pixels in a row, mask 2 claims the first two and mask 1 the last three. Mask 2 comes
    first in ``numbers`` ``(M,)``; of mask 1 two pixels of three are free then, which is more than
    half of them:

    >>> sets = ClaimSets.count(torch.tensor([[[2, 2, 1, 1]], [[0, 1, 0, 0]]]), 2)
    >>> merge(sets, sets.pixels.numpy(), np.array([2, 1]), overlap_threshold=0.5)
    Winners(of_set=array([2, 2, 2, 1, 2, 2, 0, 0, 2]), areas=array([2, 2]))

    but not more than 80 %, and its pixels stay without a mask:

    >>> merge(sets, sets.pixels.numpy(), np.array([2, 1]), overlap_threshold=0.8)
    Winners(of_set=array([2, 2, 2, 2, 2, 2, 0, 0, 2]), areas=array([2, 0]))

    No pixel is looked at for that: the ``pixels`` of the sets that occur, on the host, tell all of
    it, and there are few of them. Claims of masks that are not in ``numbers`` do not count.
    """
    count = len(numbers)
    occurring = np.flatnonzero(pixels)
    free = np.ones(len(occurring), bool)
    winner = np.full(len(occurring), count)
    areas = np.zeros(count, np.int64)
    for index, number in enumerate(numbers):
        mask = (sets.claimed[occurring] == number).any(1)
        area = pixels[occurring[mask]].sum()
        new = pixels[occurring[mask & free]].sum()
        if np.float32(new) > np.float32(overlap_threshold) * np.float32(area):
            winner[mask & free] = index
            areas[index] = new
            free &= ~mask
    of_set = np.full(len(sets.claimed), count)
    of_set[occurring] = winner
    return Winners(of_set, areas)

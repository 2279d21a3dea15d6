"""The greedy merge of masks, decided on the host from counts of pixels."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .transfer import is_on_host

# Sets of claims are told apart by a table of counts up to this size, by sorting beyond.
MAX_BINS = 2**20


@dataclass
class Winners:
    """Candidate pasted at each pixel ``(H, W)``, M for none, and its pixels ``(M,)``."""

    index: Tensor
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
        codes: ``(H, W)`` int64 number of each pixel's set.
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
        codes = claim_maps[0].long()
        claimed = np.arange(base)[:, None]
        for claim in claim_maps[1:]:
            codes = codes * base + claim
            if len(claimed) * base <= MAX_BINS:
                used = np.arange(len(claimed) * base)
            else:
                unique, codes = torch.unique(codes, return_inverse=True)
                used = unique.cpu().numpy()
            claimed = np.concatenate([claimed[used // base], used[:, None] % base], axis=1)
        return cls(codes, claimed, _count(codes.flatten(), len(claimed)))


def _count(codes: Tensor, num_codes: int) -> Tensor:
    """Count codes as ``torch.bincount``, which makes the host wait for accelerators."""
    if is_on_host(codes):
        return torch.bincount(codes, minlength=num_codes)
    return codes.new_zeros(num_codes).scatter_add_(0, codes, torch.ones_like(codes))


def merge(sets: ClaimSets, pixels: NDArray, numbers: NDArray, overlap_threshold: float) -> Winners:
    """Paste masks one after the other, each where no earlier one is, unless too little is free.

    Of four pixels in a row, mask 2 claims the first two and mask 1 the last three. Mask 2 comes
    first in ``numbers`` ``(M,)``; of mask 1 two pixels of three are free then, which is more than
    half of them:

    >>> sets = ClaimSets.count(torch.tensor([[[2, 2, 1, 1]], [[0, 1, 0, 0]]]), 2)
    >>> merge(sets, sets.pixels.numpy(), np.array([2, 1]), overlap_threshold=0.5)
    Winners(index=tensor([[0, 0, 1, 1]], dtype=torch.int16), areas=array([2, 2]))

    but not more than 80 %, and its pixels stay without a mask:

    >>> merge(sets, sets.pixels.numpy(), np.array([2, 1]), overlap_threshold=0.8)
    Winners(index=tensor([[0, 0, 2, 2]], dtype=torch.int16), areas=array([2, 0]))

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
    table = np.full(len(sets.claimed), count, np.int16)
    table[occurring] = winner
    return Winners(torch.from_numpy(table).to(sets.codes.device)[sets.codes], areas)


def look_up_table(
    values: NDArray, default: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Put the values of ``M`` masks on the device, and after them that of no mask."""
    return torch.from_numpy(np.append(values, default)).to(device, dtype)

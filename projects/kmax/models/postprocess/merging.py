"""The greedy merge of masks, decided on the host from counts of pixels."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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


def merge(
    claim_maps: Tensor, numbers: NDArray, num_claimants: int, overlap_threshold: float
) -> Winners:
    """Paste masks one after the other, each where no earlier one is, unless too little is free.

    Of four pixels in a row, mask 2 claims the first two and mask 1 the last three. The maps
    ``(k, H, W)`` hold the claims of each pixel, 0 for none. Mask 2 comes first in ``numbers``
    ``(M,)``; of mask 1 two pixels of three are free then, which is more than half of them:

    >>> claim_maps = torch.tensor([[[2, 2, 1, 1]], [[0, 1, 0, 0]]])
    >>> merge(claim_maps, np.array([2, 1]), num_claimants=2, overlap_threshold=0.5)
    Winners(index=tensor([[0, 0, 1, 1]], dtype=torch.int16), areas=array([2, 2]))

    but not more than 80 %, and its pixels stay without a mask:

    >>> merge(claim_maps, np.array([2, 1]), num_claimants=2, overlap_threshold=0.8)
    Winners(index=tensor([[0, 0, 2, 2]], dtype=torch.int16), areas=array([2, 0]))

    No pixel is looked at for that: the sets of claims that occur, here {2}, {2, 1} and {1} with 1,
    1 and 2 pixels, tell all of it, and there are few of them, on the host.
    """
    count = len(numbers)
    codes, claimed = _claim_sets(claim_maps, num_claimants + 1)
    pixels = torch.bincount(codes.flatten(), minlength=len(claimed)).cpu().numpy()
    occurring = np.flatnonzero(pixels)
    free = np.ones(len(occurring), bool)
    winner = np.full(len(occurring), count)
    areas = np.zeros(count, np.int64)
    for index, number in enumerate(numbers):
        mask = (claimed[occurring] == number).any(1)
        area = pixels[occurring[mask]].sum()
        new = pixels[occurring[mask & free]].sum()
        if np.float32(new) > np.float32(overlap_threshold) * np.float32(area):
            winner[mask & free] = index
            areas[index] = new
            free &= ~mask
    table = np.full(len(claimed), count, np.int16)
    table[occurring] = winner
    return Winners(torch.from_numpy(table).to(codes.device)[codes], areas)


def _claim_sets(claim_maps: Tensor, base: int) -> tuple[Tensor, NDArray]:
    """Number the sets of claims: a code per pixel ``(H, W)``, and each code's claims.

    Codes are the claims as digits: with 3 numbers, 0 to 2, the set {2, 1} is 2 * 3 + 1.

    >>> codes, claimed = _claim_sets(torch.tensor([[[2, 2, 1, 1]], [[0, 1, 0, 0]]]), base=3)
    >>> codes.tolist(), claimed[7].tolist()
    ([[6, 7, 3, 3]], [2, 1])
    """
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
    return codes, claimed


def look_up_table(
    values: NDArray, default: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Put the values of ``M`` masks on the device, and after them that of no mask."""
    return torch.from_numpy(np.append(values, default)).to(device, dtype)

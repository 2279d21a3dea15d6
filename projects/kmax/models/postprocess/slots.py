"""Softmax over the queries at full resolution, a few rows at a time."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

# Elements held at once: the cache of one core, or a quarter of a GiB on an accelerator.
CHUNK_ELEMENTS = {'cpu': 2**18}
ACCELERATOR_CHUNK_ELEMENTS = 2**26


def chunk_rows(size: tuple[int, int], num_queries: int, device: torch.device) -> Iterator[slice]:
    """Cut the rows of ``size`` = ``(H, W)`` into chunks of a bounded number of elements."""
    budget = CHUNK_ELEMENTS.get(device.type, ACCELERATOR_CHUNK_ELEMENTS)
    step = max(1, budget // (num_queries * size[1]))
    for start in range(0, size[0], step):
        yield slice(start, min(start + step, size[0]))


def resized_rows(mask_logits: Tensor, size: tuple[int, int]) -> Iterator[tuple[slice, Tensor]]:
    """Resize ``(N, h, w)`` bilinearly to ``size``, corners aligned, yielding some rows at a time.

    Widths are resized first, at the few input rows; the output rows are then blends of two
    contiguous slices. Yields rows and their logits ``(rows, N, W)``, which the caller may
    overwrite.
    """
    num_queries, height, _ = mask_logits.shape
    by_row = mask_logits.transpose(0, 1).flatten(0, 1)[None]
    wide = F.interpolate(by_row, size=size[1], mode='linear', align_corners=True)
    wide = wide.view(height, num_queries, size[1])
    position = torch.arange(size[0], device=wide.device, dtype=wide.dtype)
    position = position * ((height - 1) / max(size[0] - 1, 1))
    lower = position.floor().clamp(max=height - 1)
    weight = (position - lower)[:, None, None]
    lower = lower.long()
    upper = (lower + 1).clamp(max=height - 1)
    for rows in chunk_rows(size, num_queries, wide.device):
        above, below = (wide.index_select(0, index[rows]) for index in (lower, upper))
        yield rows, above.lerp_(below, weight[rows])


def first_index(logits: Tensor, maximum: Tensor) -> Tensor:
    """First query of ``(rows, N, W)`` that reaches the ``maximum`` ``(rows, W)``, int16.

    Comparisons into a float buffer are vectorised on CPUs, unlike ``argmax``: ten times faster.
    """
    num_queries = logits.shape[1]
    hits = torch.ge(logits, maximum[:, None], out=torch.empty_like(logits))
    descending = torch.arange(num_queries, 0, -1, device=hits.device, dtype=hits.dtype)
    return (num_queries - hits.mul_(descending[:, None]).amax(1)).to(torch.int16)


def claims(probability: Tensor, threshold: float, limit: int) -> Tensor:
    """Find the queries whose probability exceeds the threshold at each pixel, in their order.

    Returns ``(limit, rows, W)`` int16 of probabilities ``(rows, M, W)``: ``M - m`` for a claim of
    query ``m``, 0 for none. Two of three queries claim a pixel with more than 0.25:

    >>> claims(torch.tensor([0.3, 0.2, 0.5]).view(1, 3, 1), 0.25, limit=3).flatten().tolist()
    [3, 1, 0]
    """
    count = probability.shape[1]
    hits = torch.gt(probability, threshold, out=torch.empty_like(probability))
    descending = torch.arange(count, 0, -1, device=hits.device, dtype=hits.dtype)
    hits.mul_(descending[:, None])
    found = [hits.amax(1)]
    for _ in range(limit - 1):
        hits.mul_(torch.lt(hits, found[-1][:, None], out=torch.empty_like(hits)))
        found.append(hits.amax(1))
    return torch.stack(found).to(torch.int16)


def class_scores(cls_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Best probability of each query ``(N, K + 1)`` but for void, and its class."""
    scores, labels = cls_logits.softmax(-1)[:, :-1].max(-1)
    return scores, labels

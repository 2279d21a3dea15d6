"""Mask logits at full resolution in a graph: rows of pixels at a time, as post-processing does."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..models.postprocess.resizing import Axis

TILE_ELEMENTS = 2**20
"""Values of a tile, at most: what is computed of them then stays in a cache."""


class Tiles(nn.Module):
    """Resizes mask logits ``(N, h, w)`` to ``(H, W)`` by matrices, which are part of the graph."""

    columns: Tensor

    def __init__(self, rows: Axis, columns: Axis, num_queries: int) -> None:
        super().__init__()
        width = len(columns.matrix)
        height = max(1, TILE_ELEMENTS // (num_queries * width))
        self.register_buffer('columns', columns.matrix.t().contiguous())
        self.places: list[tuple[slice, slice]] = []
        self.blends = nn.ParameterList()
        for place, used, blend in rows.cut(height, torch.device('cpu')):
            self.places.append((place, used))
            self.blends.append(nn.Parameter(blend.contiguous(), requires_grad=False))

    def forward(self, mask_logits: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield rows, and their logits ``(rows, N, W)``."""
        wide = mask_logits.transpose(0, 1) @ self.columns
        for (place, used), blend in zip(self.places, self.blends, strict=True):
            logits = blend @ wide[used].flatten(1)
            yield place, logits.view(len(blend), *wide.shape[1:])

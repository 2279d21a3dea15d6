"""Mask logits at full resolution in a graph: a tile of pixels at a time, as in post-processing."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..models.postprocess.resizing import Axis

SIDE = 64
"""Pixels of a tile's side, so that what is computed of one stays in a cache."""

MOST = 12
"""Tiles along an axis, at most: each adds nodes to the graph."""

Look = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
"""Makes values ``(pixels,)`` of a tile's logits ``(N, pixels)``, and of whether they are inside."""


Cut = list[tuple[slice, slice, Tensor]]


class Tiles(nn.Module):
    """Resizes mask logits ``(N, h, w)`` to ``(H, W)`` by matrices, which are part of the graph.

    Args:
        rows: How rows are resized.
        columns: How columns are.
        stretches: Whether what the input shows of the image is resized to its own size then, as the
            port does, which changes something where it fills neither side of the input.
    """

    def __init__(self, rows: Axis, columns: Axis, stretches: bool) -> None:
        super().__init__()
        self.axes = rows.matrix, columns.matrix
        self.cuts = _cut(rows), _cut(columns)
        self.stretches = stretches

    def forward(
        self, mask_logits: Tensor, content: Tensor, inside: Tensor, look: Look
    ) -> list[Tensor]:
        """Return maps ``(H, W)`` of what is seen in the tiles.

        Args:
            mask_logits: ``(N, h, w)``.
            content: ``(2,)`` rows and columns of the input that show the image.
            inside: ``(H, W)`` float, 1 there, else 0.
            look: Sees a tile.
        """
        all_rows, all_columns = self.cuts
        if self.stretches:
            all_rows, all_columns = (
                _cut_stretched(axis, cut)
                for axis, cut in zip(stretch(self.axes, content), self.cuts, strict=True)
            )
        bands = []
        for columns, source, part in all_columns:
            wide = mask_logits[:, :, source] @ part.t().contiguous()
            tiles = []
            for rows, used, blend in all_rows:
                logits = (blend @ wide[:, used]).flatten(1)
                maps = look(logits, inside[rows, columns].flatten())
                tiles.append([found.view(len(blend), -1) for found in maps])
            bands.append([torch.cat(maps) for maps in zip(*tiles, strict=True)])
        return [torch.cat(maps, dim=1) for maps in zip(*bands, strict=True)]


def stretch(axes: tuple[Tensor, Tensor], content: Tensor) -> list[Tensor]:
    """Go on from the padded input to the content as :func:`.resizing.output_axes` does.

    Args:
        axes: Matrices ``(H, h)`` and ``(W, w)`` from the masks to the padded input.
        content: ``(2,)`` rows and columns that show the image, and are the output's size.

    Returns:
        Such matrices, of which the rows beyond the content are of no use.
    """
    padded = [len(matrix) for matrix in axes]
    aligned = padded[1] % 2 == 1
    scale = max(padded) / content.max().double()
    matrices = []
    for matrix, new in zip(axes, content, strict=True):
        kept = (new * scale).round().clamp(1, len(matrix)).float()
        place = torch.arange(len(matrix), device=content.device).float()
        if aligned:
            position = place * ((kept - 1) / (new - 1).clamp(min=1))
        else:
            position = (place + 0.5) * (kept / new) - 0.5
        position = torch.minimum(position.clamp(min=0), kept - 1)
        matrices.append((1 - (position[:, None] - place).abs()).clamp(min=0) @ matrix)
    return matrices


def _cut(axis: Axis) -> Cut:
    """Return the outputs of each tile, the inputs they are made of, and the matrix between them."""
    side = max(SIDE, -(-len(axis.matrix) // MOST))
    return axis.cut(side, torch.device('cpu'))


def _cut_stretched(matrix: Tensor, cut: Cut) -> Cut:
    everything = slice(0, matrix.shape[1])
    return [(place, everything, matrix[place]) for place, *_ in cut]

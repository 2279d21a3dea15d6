"""Mask logits at full resolution, a tile of pixels at a time.

Bilinear resizing is a product with a matrix along each axis, and several in a row are one. Tiles
bound the memory, and are made of few places of the masks: most of the matrices is zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .maps import Frame

# Elements held at once: the cache of one core, or a quarter of a GiB on an accelerator.
CPU_CHUNK_ELEMENTS = 2**18
ACCELERATOR_CHUNK_ELEMENTS = 2**26

CPU_COLUMNS = 64
"""Columns of a tile on CPUs: the fewer, the fewer zeros of the matrices are multiplied."""


@dataclass(frozen=True)
class Axis:
    """How one axis is resized: the rows of ``matrix`` ``(new_size, size)`` are its outputs."""

    matrix: Tensor

    def cut(self, step: int) -> Iterator[tuple[slice, slice, Tensor]]:
        """Yield some outputs, the inputs they are made of, and the matrix between them."""
        for start in range(0, len(self.matrix), step):
            part = self.matrix[start : start + step]
            used = part.any(0).nonzero()[:, 0]
            source = slice(int(used[0]), int(used[-1]) + 1)
            yield slice(start, start + len(part)), source, part[:, source].contiguous()


def padded_axes(mask_logits: Tensor, size: tuple[int, int]) -> tuple[Axis, Axis]:
    """Axes of a resize of ``(N, h, w)`` to ``size`` = ``(H, W)`` with corners aligned."""
    dtype = mask_logits.dtype
    rows, columns = (
        Axis(_interpolate(torch.eye(old, dtype=dtype)[None], new, True)[0].t())
        for old, new in zip(mask_logits.shape[1:], size, strict=True)
    )
    return rows, columns


def output_axes(mask_logits: Tensor, frame: Frame) -> tuple[Axis, Axis]:
    """Axes of the port's way from mask logits ``(N, h, w)`` to the frame's output.

    The port resizes to the padded input, crops what it takes for the image, and resizes that to the
    output. The crop follows from the long sides of input and output alone: where an image is
    limited by the short side of an input that is not square, it keeps some padding.
    """
    scale = max(frame.padded) / max(frame.output)
    aligned = frame.padded[1] % 2 == 1
    axes = []
    for axis, size in enumerate(mask_logits.shape[1:]):
        crop = max(round(frame.output[axis] * scale), 1)
        matrix = torch.eye(size, dtype=mask_logits.dtype)[None]
        matrix = _interpolate(matrix, frame.padded[axis], aligned)[..., :crop]
        axes.append(Axis(_interpolate(matrix, frame.output[axis], aligned)[0].t()))
    rows, columns = axes
    return rows, columns


def tiles(
    mask_logits: Tensor, axes: tuple[Axis, Axis]
) -> Iterator[tuple[tuple[slice, slice], Tensor]]:
    """Resize mask logits ``(N, h, w)``, yielding all tiles.

    Yields the rows and columns of each, and its logits ``(rows, N, columns)``, which the caller may
    overwrite.
    """
    by_row = mask_logits.transpose(0, 1).contiguous()
    num_queries, device = len(mask_logits), mask_logits.device
    rows, columns = axes
    on_cpu = device.type == 'cpu'
    width = min(len(columns.matrix), CPU_COLUMNS) if on_cpu else len(columns.matrix)
    budget = CPU_CHUNK_ELEMENTS if on_cpu else ACCELERATOR_CHUNK_ELEMENTS
    height = max(1, budget // (num_queries * width))
    bands = [(place, source, part.to(device)) for place, source, part in rows.cut(height)]
    for column_place, source, part in columns.cut(width):
        wide = _multiply(by_row[:, :, source], part.t().to(device)).flatten(1)
        for row_place, used, blend in bands:
            logits = _multiply(blend, wide[used]).view(len(blend), num_queries, -1)
            yield (row_place, column_place), logits


def _multiply(a: Tensor, b: Tensor) -> Tensor:
    """Multiply in the logits' own precision, also where a caller predicts under autocast."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b


def _interpolate(matrix: Tensor, size: int, aligned: bool) -> Tensor:
    return F.interpolate(matrix, size=size, mode='linear', align_corners=aligned)

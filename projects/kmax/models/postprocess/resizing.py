"""Mask logits at full resolution, a tile of pixels at a time.

Bilinear resizing is a product with a matrix along each axis, and several in a row are one. Tiles
bound the memory, and are made of few places of the masks: most of the matrices is zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .maps import Frame

# Elements held at once: the cache of one core, or a quarter of a GiB on an accelerator.
CPU_CHUNK_ELEMENTS = 2**18
ACCELERATOR_CHUNK_ELEMENTS = 2**26

CPU_COLUMNS = 64
"""Columns of a tile on CPUs: the fewer, the fewer zeros of the matrices are multiplied."""


@dataclass(frozen=True, eq=False)
class Axis:
    """How one axis is resized: the rows of ``matrix`` ``(new_size, size)`` are its outputs."""

    matrix: Tensor
    _cuts: dict[tuple[int, torch.device], list[tuple[slice, slice, Tensor]]] = field(
        default_factory=dict, init=False, repr=False
    )

    def cut(self, step: int, device: torch.device) -> list[tuple[slice, slice, Tensor]]:
        """Return some outputs each, the inputs they are made of, and the matrix between them."""
        if (step, device) not in self._cuts:
            self._cuts[step, device] = [
                (outputs, inputs, part.to(device)) for outputs, inputs, part in self._parts(step)
            ]
        return self._cuts[step, device]

    def _parts(self, step: int) -> Iterator[tuple[slice, slice, Tensor]]:
        for start in range(0, len(self.matrix), step):
            part = self.matrix[start : start + step]
            used = np.flatnonzero(part.numpy().any(0))
            source = slice(int(used[0]), int(used[-1]) + 1)
            yield slice(start, start + len(part)), source, part[:, source].contiguous()


@lru_cache(maxsize=32)
def _axis(size: int, steps: tuple[tuple[int, int], ...], aligned: bool, dtype: torch.dtype) -> Axis:
    """Compose resizes: each of ``steps`` is a new size and how many places of it are kept.

    Images of one size share it: their host then waits for no device.
    """
    with torch.inference_mode(False), torch.device('cpu'):
        matrix = torch.eye(size, dtype=dtype)[None]
        for new_size, kept in steps:
            matrix = F.interpolate(matrix, new_size, mode='linear', align_corners=aligned)
            matrix = matrix[..., :kept]
        return Axis(matrix[0].t())


def padded_axes(mask_logits: Tensor, size: tuple[int, int]) -> tuple[Axis, Axis]:
    """Axes of a resize of ``(N, h, w)`` to ``size`` = ``(H, W)`` with corners aligned."""
    rows, columns = (
        _axis(old, ((new, new),), True, mask_logits.dtype)
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
    rows, columns = (
        _axis(size, ((padded, max(round(new * scale), 1)), (new, new)), aligned, mask_logits.dtype)
        for size, padded, new in zip(mask_logits.shape[1:], frame.padded, frame.output, strict=True)
    )
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
    for column_place, source, part in columns.cut(width, device):
        wide = _multiply(by_row[:, :, source], part.t()).flatten(1)
        for row_place, used, blend in rows.cut(height, device):
            logits = _multiply(blend, wide[used]).view(len(blend), num_queries, -1)
            yield (row_place, column_place), logits


def _multiply(a: Tensor, b: Tensor) -> Tensor:
    """Multiply in the logits' own precision, also where a caller predicts under autocast."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b

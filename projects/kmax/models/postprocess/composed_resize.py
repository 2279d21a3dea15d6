"""Two bilinear resizes with a crop in between, as the port does, in one step."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from .maps import Frame
from .slots import chunk_rows


def output_rows(mask_logits: Tensor, frame: Frame) -> Iterator[tuple[slice, Tensor]]:
    """Bring mask logits ``(N, h, w)`` to the frame's output size, yielding some rows at a time.

    The port resizes to the padded input, crops what it takes for the image, and resizes that to the
    output. The crop follows from the long sides of input and output alone: where an image is
    limited by the short side of an input that is not square, it keeps some padding.

    Rows come with their logits ``(rows, N, W)``, which the caller may overwrite.
    """
    num_queries, height, width = mask_logits.shape
    scale = max(frame.padded) / max(frame.output)
    crop = [max(round(size * scale), 1) for size in frame.output]
    aligned = frame.padded[1] % 2 == 1
    (row_index, row_weight), (column_index, column_weight) = (
        _taps(size, frame.padded[axis], crop[axis], frame.output[axis], aligned, mask_logits)
        for axis, size in enumerate((height, width))
    )
    wide = _blend(mask_logits.transpose(0, 1).contiguous(), 2, column_index, column_weight)
    weight = row_weight[:, :, None, None]
    for rows in chunk_rows(frame.output, num_queries, mask_logits.device):
        yield rows, _blend(wide, 0, row_index[:, rows], weight[:, rows])


def _blend(values: Tensor, dim: int, index: Tensor, weight: Tensor) -> Tensor:
    """Weighted sum of ``k`` selections of ``values`` along ``dim``."""
    blended = values.index_select(dim, index[0]).mul_(weight[0])
    for tap, factor in zip(index[1:], weight[1:], strict=True):
        blended.addcmul_(values.index_select(dim, tap), factor)
    return blended


def _taps(
    size: int, padded: int, crop: int, new_size: int, aligned: bool, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Sources of every output position along one axis and their weights, each ``(k, new_size)``.

    The resize of unit vectors is the resize's matrix, in PyTorch's own arithmetic. It is made on
    the host, so that the number of sources is known without waiting for the device.
    """
    matrix = torch.eye(size, dtype=like.dtype)[None]
    matrix = F.interpolate(matrix, size=padded, mode='linear', align_corners=aligned)[..., :crop]
    matrix = F.interpolate(matrix, size=new_size, mode='linear', align_corners=aligned)[0].t()
    taps = int((matrix != 0).sum(1).max())
    weight, index = matrix.topk(taps, dim=1)
    return index.t().contiguous().to(like.device), weight.t().contiguous().to(like.device)

"""The ground truth of a batch, flattened over pixels, and what matching makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from kmax_deeplab.resampling import nearest_index

from ..structures import KMaXTargets

# The original's floor of the weights in the PQ-style loss.
MIN_WEIGHT = 1e-5


@dataclass
class GroundTruthMasks:
    """The ground-truth masks of a batch at the resolution of the mask logits; ``L = h * w``.

    Attributes:
        exists: ``(B, M)`` bool, False for rows that pad an image's masks; ``M >= 1``.
        binary: ``(B, M, L)`` the masks, 0 or 1; those of the padding are empty.
        row: ``(B, L)`` int64 row of the mask a pixel belongs to, 0 where it belongs to none.
        inside: ``(B, L)`` bool, True where the pixel belongs to a mask.
        void: ``(B, L)`` bool.
        area: ``(B, M)`` number of pixels of each mask.
        labels: ``(B, M)`` int64 class of each mask, 0 for padding.
        pixel_area: ``(B, L)`` area of a pixel's own mask, 1 where it belongs to none.
    """

    exists: Tensor
    binary: Tensor
    row: Tensor
    inside: Tensor
    void: Tensor
    area: Tensor
    labels: Tensor
    pixel_area: Tensor

    @classmethod
    def collate(
        cls,
        targets: Sequence[KMaXTargets],
        size: Sequence[int],
        dtype: torch.dtype,
        void: str = 'semantic',
    ) -> 'GroundTruthMasks':
        """Bring the targets of each image to ``size`` ``(h, w)``, padded to one number of masks.

        ``dtype`` is that of ``binary``. Void is ``'semantic'``, every pixel without a class, or
        ``'unmatched'``, every pixel in no mask.
        """
        counts = [len(target.labels) for target in targets]
        most = max(1, *counts)
        binary = torch.stack(
            [_pad_rows(subsample(target.masks, size).flatten(1), most) for target in targets]
        )
        labels = torch.stack([_pad_rows(target.labels, most) for target in targets])
        exists = torch.arange(most) < torch.tensor(counts)[:, None]
        inside, row = binary.to(torch.uint8).max(dim=1)
        binary = binary.to(dtype)
        area = binary.sum(-1)
        return cls(
            exists=exists.to(binary.device, non_blocking=True),
            binary=binary,
            row=row,
            inside=inside.bool(),
            void=(
                torch.stack([subsample(target.void, size).flatten() for target in targets])
                if void == 'semantic'
                else ~inside.bool()
            ),
            area=area,
            labels=labels,
            pixel_area=torch.where(inside.bool(), area.gather(1, row), 1.0),
        )

    def overlap(self) -> bool:
        """Whether any pixel belongs to two masks; waits for the device."""
        return bool((self.binary.sum(1) > 1).any())

    def keep_matched(self, matches: 'Matches') -> 'GroundTruthMasks':
        """Make pixels void that belong to no mask with a query."""
        inside = matches.has_query
        if matches.shares is None:
            pixel_area = self.pixel_area
        else:
            pixel_area = torch.bmm(matches.area[:, None], matches.shares)[:, 0].clamp(min=1)
        return replace(
            self, inside=inside, void=~inside, pixel_area=torch.where(inside, pixel_area, 1.0)
        )


@dataclass
class Matches:
    """What each query and each pixel should become; shared by all predictions of an image.

    Attributes:
        labels: ``(B, N)`` int64 class of each query, void where it is unmatched.
        matched: ``(B, N)`` bool.
        cls_weight: ``(B, N)`` dice with the matched mask, share of void pixels where unmatched.
        mask_weight: ``(B, N)`` probability of the matched class, 0 where unmatched.
        area: ``(B, N)`` pixels of the matched mask, 0 where unmatched.
        query: ``(B, L)`` int64 query of the pixel's mask, 0 where there is none.
        has_query: ``(B, L)`` bool, whether the pixel belongs to a mask with a query.
        shares: ``(B, N, L)`` share of each query in each pixel, where masks overlap and pixels are
            split among them, else None. Then ``query`` is without meaning.
    """

    labels: Tensor
    matched: Tensor
    cls_weight: Tensor
    mask_weight: Tensor
    area: Tensor
    query: Tensor
    has_query: Tensor
    shares: Tensor | None = None

    @classmethod
    def gather(
        cls,
        masks: GroundTruthMasks,
        queries: Tensor,
        cls_probs: Tensor,
        dice: Tensor,
        void_share: Tensor,
        min_weight: float,
    ) -> 'Matches':
        """Spread the assignment ``queries`` ``(B, M)`` (``N``: none) over queries and pixels.

        Of the final prediction, ``cls_probs`` are the class probabilities ``(B, N, K + 1)``,
        ``dice`` the mask similarities ``(B, M, N)`` and ``void_share`` ``(B, N)`` the share of each
        query's mass that lies on void pixels; ``min_weight`` is the least weight of a matched
        query.
        """
        batch, num_queries, num_channels = cls_probs.shape
        # One query too many takes what belongs to masks without one, and is cut off again.
        size = (batch, num_queries + 1)
        labels = masks.labels.new_full(size, num_channels - 1)
        labels = labels.scatter(1, queries, masks.labels)[:, :-1]
        matched = masks.exists.new_zeros(size).scatter(1, queries, True)[:, :-1]
        area = masks.area.new_zeros(size).scatter(1, queries, masks.area)[:, :-1]
        own_dice = dice.gather(2, queries.clamp(max=num_queries - 1)[:, :, None])[:, :, 0]
        own_dice = dice.new_zeros(size).scatter(1, queries, own_dice)[:, :-1]
        own_prob = cls_probs.gather(2, labels[:, :, None])[:, :, 0]
        query = queries.gather(1, masks.row)
        has_query = masks.inside & (query < num_queries)
        return cls(
            labels=labels,
            matched=matched,
            cls_weight=torch.where(
                matched, own_dice.clamp(min=min_weight), void_share.clamp(min=MIN_WEIGHT)
            ),
            mask_weight=torch.where(matched, own_prob.clamp(min=min_weight), 0.0),
            area=area,
            query=query.masked_fill(~has_query, 0),
            has_query=has_query,
        )

    def split_overlaps(self, masks: GroundTruthMasks, queries: Tensor) -> 'Matches':
        """Divide every pixel among the matched masks it belongs to; ``queries`` as in gather."""
        batch, num_queries = self.labels.shape
        shares = masks.binary.new_zeros(batch, num_queries + 1, masks.binary.shape[2])
        index = queries[:, :, None].expand_as(masks.binary)
        shares = shares.scatter(1, index, masks.binary)[:, :-1]
        shares = shares / shares.sum(1, keepdim=True).clamp(min=1)
        # The shares of twelve masks sum up to less than 1 in float32: as in the port, a void pixel.
        return replace(self, area=shares.sum(-1), has_query=shares.sum(1) >= 1, shares=shares)


def subsample(grid: Tensor, size: Sequence[int]) -> Tensor:
    """Take every s-th pixel of ``(..., H, W)``, s a power of two, so that ``size`` is left.

    Where no such s does it, the nearest pixels are taken, corners aligned.

    Raises:
        ValueError: When the grid is smaller than ``size``.
    """
    height, width = grid.shape[-2:]
    if height < size[0] or width < size[1]:
        raise ValueError(
            f'targets of {height}x{width} pixels are coarser than the logits of '
            f'{size[0]}x{size[1]}: they must be as fine or finer'
        )
    rows, columns = _positions(height, size[0]), _positions(width, size[1])
    return grid[..., rows, :][..., columns]


def _positions(full: int, length: int) -> slice | Tensor:
    for stride in (2**power for power in range(full.bit_length() + 1)):
        if len(range(0, full, stride)) == length:
            return slice(None, None, stride)
    return torch.from_numpy(nearest_index(full, length))


def _pad_rows(rows: Tensor, length: int) -> Tensor:
    return F.pad(rows, (0, 0) * (rows.dim() - 1) + (0, length - len(rows)))

"""Post-processing as part of a graph: what ``models/postprocess`` decides, without the host.

The host's merge looks at one mask after the other. Here all masks are decided at once from the
numbers of pixels that pairs of masks claim, again and again until no decision changes.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from torch import Tensor, nn
from torch._higher_order_ops import while_loop

from ..models.postprocess import Frame, PostprocessConfig
from ..models.postprocess.resizing import Axis, output_axes, padded_axes
from ..models.postprocess.slots import class_scores
from .claims import ClaimCodes
from .tiles import Look, Tiles

NOT_PASTED = -1
"""In ``ids``, where a query has no pixel."""


class MergedMaps(NamedTuple):
    """What the graph returns.

    Attributes:
        panoptic: ``(H, W)`` int32 ``label + 1000 * instance``; the number of classes is void, and
            what shows nothing of the image.
        ids: ``(N,)`` int32 value of each query in ``panoptic``, or -1.
        labels: ``(N,)`` int32 its class.
        scores: ``(N,)`` of its segment: the mean probability of the pixels times that of the class;
            0 without pixels.
        areas: ``(N,)`` int32 its pixels.
    """

    panoptic: Tensor
    ids: Tensor
    labels: Tensor
    scores: Tensor
    areas: Tensor


@dataclass(frozen=True, eq=False)
class Observed:
    """What is merged.

    Attributes:
        scores: ``(N,)`` class probability of each query.
        labels: ``(N,)`` int64 its class.
        mask_logits: ``(N, h, w)``.
        content: ``(2,)`` rows and columns of the input that show the image.
        inside: ``(H, W)`` float: 1 there, else 0.
    """

    scores: Tensor
    labels: Tensor
    mask_logits: Tensor
    content: Tensor
    inside: Tensor


@dataclass(frozen=True, eq=False)
class Winners:
    """Who has which pixel.

    Attributes:
        query: ``(H, W)`` int64 of each pixel, N for none.
        probability: ``(H, W)`` of the strongest query, which scores count.
        ids: ``(N,)`` int64 value of each query in the map; the number of classes for none.
    """

    query: Tensor
    probability: Tensor
    ids: Tensor


class Merge(nn.Module):
    """Merges the masks of inputs of one size; the rules are those of the classes derived from it.

    Args:
        cfg: Thresholds.
        num_things: Number of thing classes, which come first.
        num_classes: Number of classes, and the label of void.
        mask_shape: ``(N, h, w)`` of the mask logits.
        size: ``(H, W)`` of the input.
        fills: Whether every image fills the longer side of the input: the port's rules then need
            fewer products.
    """

    number: Tensor
    pair: Tensor
    sets: Tensor

    def __init__(
        self,
        cfg: PostprocessConfig,
        num_things: int,
        num_classes: int,
        mask_shape: tuple[int, int, int],
        size: tuple[int, int],
        fills: bool = False,
    ) -> None:
        super().__init__()
        self.cfg, self.num_things, self.num_classes, self.size = cfg, num_things, num_classes, size
        codes = ClaimCodes.make(mask_shape[0])
        self.num_queries, self.num_codes = mask_shape[0], codes.size
        for name in ('number', 'pair', 'sets'):
            self.register_buffer(name, getattr(codes, name))
        axes = self._axes(torch.empty(mask_shape, device='meta', dtype=torch.float32))
        self.tiles = Tiles(*axes, stretches=self.at_own_size and not fills)

    at_own_size = False
    """Whether masks are merged at the image's own size, as the port does, not at the input's."""

    def forward(self, cls_logits: Tensor, mask_logits: Tensor, content: Tensor) -> MergedMaps:
        """Merge masks.

        Args:
            cls_logits: ``(N, K + 1)``, void last.
            mask_logits: ``(N, h, w)``.
            content: ``(2,)`` rows and columns of the input that show the image.
        """
        scores, labels = class_scores(cls_logits)
        rows, columns = (
            torch.arange(side, device=content.device) < content[axis]
            for axis, side in enumerate(self.size)
        )
        inside = (rows[:, None] & columns).to(mask_logits)
        seen = Observed(scores, labels, mask_logits, content, inside)
        return self._describe(self.decide(seen), seen)

    def decide(self, seen: Observed) -> Winners:
        """Give the pixels to queries."""
        raise NotImplementedError

    def look(self, seen: Observed, look: Look) -> list[Tensor]:
        """Return maps ``(H, W)`` of what is seen in the tiles at full resolution."""
        return self.tiles(seen.mask_logits, seen.content, seen.inside, look)

    def class_threshold(self, labels: Tensor) -> Tensor:
        """Lowest class probability of queries of these classes ``(N,)``."""
        thing, stuff = self.cfg.class_threshold_thing, self.cfg.class_threshold_stuff
        return torch.where(labels < self.num_things, thing, stuff)

    def ids(self, kept: Tensor, labels: Tensor, instance: Tensor) -> Tensor:
        """Values ``(N,)`` of the panoptic map; void for those that are not kept."""
        value = torch.where(labels < self.num_things, labels + instance * INSTANCE_OFFSET, labels)
        return torch.where(kept, value, self.num_classes)

    def large_enough(self, areas: Tensor, labels: Tensor) -> Tensor:
        """Whether things ``(N,)``, or stuff of one class together, reach their limit."""
        of_class = weigh(_same(labels).to(areas), areas)
        thing, stuff = float(self.cfg.thing_area_limit), float(self.cfg.stuff_area_limit)
        is_thing = labels < self.num_things
        # Numbers are chosen, not answers: onnxruntime has no choice between booleans.
        return torch.where(is_thing, areas, of_class) >= torch.where(is_thing, thing, stuff)

    def count(self, codes: Tensor) -> Tensor:
        """Count how many pixels two queries claim ``(N, N)``; on the diagonal one alone."""
        return _take(count(codes, self.num_codes), self.pair)

    def paste(self, claims: Tensor, after: Tensor, candidate: Tensor) -> tuple[Tensor, Tensor]:
        """Decide which masks are pasted.

        Args:
            claims: ``(N, N)`` of :meth:`count`.
            after: ``(N, N)`` whether one query comes after another.
            candidate: ``(N,)`` whether a query may be pasted.

        Returns:
            Which are pasted ``(N,)``, and the free pixels of each.
        """
        total = claims.sum(1)
        taken = torch.where(after, claims, 0.0)
        least = self.cfg.overlap_threshold * total
        may = candidate.to(total)

        def changes(pasted: Tensor, before: Tensor) -> Tensor:
            return (pasted - before).abs().sum() > 0

        def decide(pasted: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
            free = total - weigh(taken, pasted)
            return may * (free > least).to(total), pasted.clone()

        # A decision depends on those before it alone: after as many rounds as masks overlap in a
        # chain, none changes, and all are what one mask after the other would have.
        nothing = torch.zeros_like(may)
        pasted, _ = while_loop(changes, decide, (nothing, nothing - 1))
        return pasted > 0, pasted * (total - weigh(taken, pasted))

    def winner(self, codes: Tensor, pasted: Tensor, place: Tensor) -> Tensor:
        """Return the query ``(H, W)`` that has each pixel, N for none.

        Args:
            codes: ``(H, W)`` sums of the numbers of those that claim it.
            pasted: ``(N,)`` which count.
            place: ``(N,)`` their order.
        """
        none = self.num_queries
        rank = torch.where(pasted, place, none)
        rank = torch.cat([rank, torch.full_like(rank[:1], none)])
        query = torch.arange(none + 1, device=codes.device)
        query = torch.where(rank < none, query, none)
        first = torch.where(rank[:, None] <= rank, query[:, None], query)
        return _take(first.flatten().index_select(0, self.sets), codes)

    def _axes(self, mask_logits: Tensor) -> tuple[Axis, Axis]:
        if not self.at_own_size:
            return padded_axes(mask_logits, self.size)
        # Of an image as large as the input.
        return output_axes(mask_logits, Frame(self.size, self.size, self.size))

    def _describe(self, winners: Winners, seen: Observed) -> MergedMaps:
        height, none = self.size[0], self.num_queries
        query = torch.where(seen.inside > 0, winners.query, none)
        void = torch.full_like(winners.ids[:1], self.num_classes)
        table = torch.cat([winners.ids, void]).to(torch.int32)
        # By rows, so that no sum of many numbers loses those that are added last.
        rows = torch.arange(height, device=query.device)[:, None]
        place = query * height + rows
        mass, area = (
            count(place, (none + 1) * height, weights).view(-1, height).sum(1)[:none]
            for weights in (winners.probability, torch.ones_like(winners.probability))
        )
        ids = torch.where((area > 0) & (winners.ids != self.num_classes), winners.ids, NOT_PASTED)
        area = torch.where(ids >= 0, area, 0.0)
        # What shares a value, as all stuff of a class, is one segment.
        segment = _same(ids).to(mass)
        mass, pixels, certain = (weigh(segment, each) for each in (mass, area, area * seen.scores))
        pixels = pixels.clamp(min=1)
        score = (mass / pixels) * (certain / pixels)
        return MergedMaps(
            panoptic=_take(table, query),
            ids=ids.to(torch.int32),
            labels=seen.labels.to(torch.int32),
            scores=torch.where(ids >= 0, score, 0.0),
            areas=area.to(torch.int32),
        )


def after(ranking: Tensor) -> Tensor:
    """Whether one query ``(N, N)`` comes after another: the lower, of equals the second."""
    index = torch.arange(len(ranking), device=ranking.device)
    equal = (ranking[:, None] == ranking) & (index[:, None] > index)
    return (ranking[:, None] < ranking) | equal


def count(index: Tensor, size: int, weights: Tensor | None = None) -> Tensor:
    """Add up weights, or pixels, of each index ``(size,)`` float32; exact up to 16 million."""
    flat = index.flatten()
    if weights is None:
        weights = torch.ones_like(flat, dtype=torch.float32)
    return torch.zeros(size, device=flat.device).scatter_add(0, flat, weights.flatten())


def weigh(matrix: Tensor, weights: Tensor) -> Tensor:
    """Return the sums ``(N,)`` of the rows of a matrix ``(N, N)``, weighed.

    Of a product with a vector onnxruntime 1.32 forgets a transposition that it fuses.
    """
    return (matrix * weights).sum(1)


def _take(table: Tensor, index: Tensor) -> Tensor:
    return table.index_select(0, index.flatten()).view(index.shape)


def _same(values: Tensor) -> Tensor:
    return values[:, None] == values

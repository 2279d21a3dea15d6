"""Post-processing as part of a graph: what ``models/postprocess`` decides, without the host.

The host's merge looks at one mask after the other. Here all masks are decided at once from the
numbers of pixels that pairs of masks claim, again and again until no decision changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from torch import Tensor, nn

from ..models.postprocess import PostprocessConfig
from ..models.postprocess.resizing import padded_axes
from ..models.postprocess.slots import class_scores
from .claims import MOST_CLAIMS, ClaimCodes
from .tiles import Tiles

NOT_PASTED = -1
"""In ``ids``, where a query has no pixel."""


class MergedMaps(NamedTuple):
    """What the graph returns.

    Attributes:
        panoptic: ``(H, W)`` int32 ``label + 1000 * instance``; the number of classes is void.
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


@dataclass
class Winners:
    """Who has which pixel.

    Attributes:
        query: ``(H, W)`` int64 of each pixel, N for none.
        probability: ``(H, W)`` of the strongest query, which scores count.
        ids: ``(N,)`` int64 value of each query in the map.
    """

    query: Tensor
    probability: Tensor
    ids: Tensor


class Merge(nn.Module):
    """The rules of a model, for inputs of one size.

    Args:
        cfg: Thresholds and the rules.
        num_things: Number of thing classes, which come first.
        num_classes: Number of classes, and the label of void.
        mask_shape: ``(N, h, w)`` of the mask logits.
        size: ``(H, W)`` of the input.
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
    ) -> None:
        super().__init__()
        self.cfg, self.num_things, self.num_classes, self.size = cfg, num_things, num_classes, size
        num_queries = mask_shape[0]
        codes = ClaimCodes.make(num_queries)
        self.num_queries, self.num_codes = num_queries, codes.size
        for name in ('number', 'pair', 'sets'):
            self.register_buffer(name, getattr(codes, name))
        axes = padded_axes(torch.empty(mask_shape, device='meta', dtype=torch.float32), size)
        self.tiles = Tiles(*axes, num_queries)

    def forward(self, cls_logits: Tensor, mask_logits: Tensor, content: Tensor) -> MergedMaps:
        """Merge masks.

        Args:
            cls_logits: ``(N, K + 1)``, void last.
            mask_logits: ``(N, h, w)``.
            content: ``(2,)`` rows and columns of the input that show the image.
        """
        scores, labels = class_scores(cls_logits)
        winners = RULES[self.cfg.postprocess](self, scores, labels, mask_logits)
        return self._describe(winners, scores, labels, content)

    def class_threshold(self, labels: Tensor) -> Tensor:
        """Lowest class probability of queries of these classes ``(N,)``."""
        thing, stuff = self.cfg.class_threshold_thing, self.cfg.class_threshold_stuff
        return torch.where(labels < self.num_things, thing, stuff)

    def ids(self, labels: Tensor, instance: Tensor) -> Tensor:
        """Values ``(N,)`` of the panoptic map."""
        return torch.where(labels < self.num_things, labels + instance * INSTANCE_OFFSET, labels)

    def large_enough(self, areas: Tensor, labels: Tensor) -> Tensor:
        """Whether things ``(N,)``, or stuff of one class together, reach their limit."""
        of_class = _weigh(_same(labels).to(areas), areas)
        thing, stuff = float(self.cfg.thing_area_limit), float(self.cfg.stuff_area_limit)
        is_thing = labels < self.num_things
        # Numbers are chosen, not answers: onnxruntime has no choice between booleans.
        return torch.where(is_thing, areas, of_class) >= torch.where(is_thing, thing, stuff)

    def count(self, codes: Tensor) -> Tensor:
        """Count the pixels ``(size,)`` float32 of each code; exact below 16 million."""
        flat = codes.flatten()
        ones = torch.ones_like(flat, dtype=torch.float32)
        return torch.zeros(self.num_codes).scatter_add(0, flat, ones)

    def paste(self, pixels: Tensor, after: Tensor, candidate: Tensor) -> tuple[Tensor, Tensor]:
        """Decide which masks are pasted.

        Args:
            pixels: ``(size,)`` of each code.
            after: ``(N, N)`` whether one query comes after another.
            candidate: ``(N,)`` whether a query may be pasted.

        Returns:
            Which are pasted ``(N,)``, and the free pixels of each.
        """
        counts = pixels[self.pair]
        total = counts.sum(1)
        taken = torch.where(after, counts, 0.0)
        least = self.cfg.overlap_threshold * total
        pasted = candidate
        for _ in range(self.num_queries):
            free = total - _weigh(taken, pasted.to(total))
            pasted = candidate & (free > least)
        return pasted, torch.where(pasted, free, 0.0)

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
        return first.flatten()[self.sets][codes]

    def _describe(
        self, winners: Winners, scores: Tensor, labels: Tensor, content: Tensor
    ) -> MergedMaps:
        height, width = self.size
        none = self.num_queries
        rows, columns = (
            torch.arange(side, device=content.device) < content[axis]
            for axis, side in enumerate(self.size)
        )
        query = torch.where(rows[:, None] & columns, winners.query, none)
        void = torch.full_like(winners.ids[:1], self.num_classes)
        table = torch.cat([winners.ids, void]).to(torch.int32)
        # By rows, so that no sum of many numbers loses those that are added last.
        place = (query * height + torch.arange(height, device=query.device)[:, None]).flatten()
        nothing = torch.zeros((none + 1) * height)
        mass = nothing.scatter_add(0, place, winners.probability.flatten())
        area = nothing.scatter_add(0, place, torch.ones_like(winners.probability).flatten())
        mass, area = (found.view(-1, height).sum(1)[:none] for found in (mass, area))
        ids = torch.where((area > 0) & (winners.ids != self.num_classes), winners.ids, NOT_PASTED)
        area = torch.where(ids >= 0, area, 0.0)
        # What shares a value, as all stuff of a class, is one segment.
        segment = _same(ids).to(mass)
        mass, area_of, certain = (_weigh(segment, each) for each in (mass, area, area * scores))
        pixels = area_of.clamp(min=1)
        score = (mass / pixels) * (certain / pixels)
        return MergedMaps(
            panoptic=table[query],
            ids=ids.to(torch.int32),
            labels=labels.to(torch.int32),
            scores=torch.where(ids >= 0, score, 0.0),
            areas=area.to(torch.int32),
        )


def maskwise(merge: Merge, scores: Tensor, labels: Tensor, mask_logits: Tensor) -> Winners:
    """Paste masks in the order of their scores, as :mod:`~..models.postprocess.maskwise`."""
    cfg = merge.cfg
    ranking = scores**cfg.reorder_class_weight
    ranking = ranking * _mask_scores(mask_logits, cfg) ** cfg.reorder_mask_weight
    after = _after(ranking)
    place = after.sum(1)
    candidate = scores >= merge.class_threshold(labels)
    number = torch.where(candidate, merge.number, 0).to(mask_logits)
    codes, probability = [], []
    for _, logits in merge.tiles(mask_logits):
        share = (logits - logits.amax(1, keepdim=True)).exp()
        total = share.sum(1)
        claimed = share > (cfg.pixel_confidence_threshold * total)[:, None]
        codes.append(torch.where(claimed, number[:, None], 0.0).sum(1).to(torch.int64))
        probability.append(1 / total)
    code = torch.cat(codes)
    pasted, areas = merge.paste(merge.count(code), after, candidate)
    kept = pasted & merge.large_enough(areas, labels)
    ids = torch.where(kept, merge.ids(labels, place + 1), merge.num_classes)
    return Winners(merge.winner(code, pasted, place), torch.cat(probability), ids)


def _mask_scores(mask_logits: Tensor, cfg: PostprocessConfig) -> Tensor:
    """Mean probability of each mask over its pixels at the model's stride; 0 without pixels."""
    probability = mask_logits.flatten(1).softmax(0)
    hits = (probability > cfg.pixel_confidence_threshold).to(probability)
    return (hits * probability).sum(1) / hits.sum(1).clamp(min=1)


def _after(ranking: Tensor) -> Tensor:
    """Whether one query ``(N, N)`` comes after another: the lower, of equals the second."""
    index = torch.arange(len(ranking), device=ranking.device)
    equal = (ranking[:, None] == ranking) & (index[:, None] > index)
    return (ranking[:, None] < ranking) | equal


def _weigh(matrix: Tensor, weights: Tensor) -> Tensor:
    """Return the sums ``(N,)`` of the rows of a matrix ``(N, N)``, weighed.

    Of a product with a vector onnxruntime 1.32 forgets a transposition that it fuses.
    """
    return (matrix * weights).sum(1)


def _same(values: Tensor) -> Tensor:
    return values[:, None] == values


RULES: dict[str, Callable[[Merge, Tensor, Tensor, Tensor], Winners]] = {'deeplab2': maskwise}


def refuse_rules(cfg: PostprocessConfig) -> None:
    """Raise a ValueError for rules that no graph holds.

    Raises:
        ValueError: Says why.
    """
    least = 1 / (MOST_CLAIMS + 1)
    if cfg.postprocess != 'pixelwise' and cfg.pixel_confidence_threshold < least:
        raise ValueError(
            f'test_cfg.pixel_confidence_threshold is {cfg.pixel_confidence_threshold}: below 1/3 '
            'more than two masks may claim a pixel, which the merge in an exported file does not '
            'hold: raise it, or export the logits by --output logits'
        )

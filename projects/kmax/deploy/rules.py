"""The rules by which an exported file merges masks; ``models/postprocess`` has their originals."""

import torch
from torch import Tensor

from ..models.postprocess import PostprocessConfig
from .claims import MOST_CLAIMS
from .merging import Merge, Observed, Winners, after, count, weigh


class MaskwiseMerge(Merge):
    """Pastes masks in the order of their scores, as :mod:`~..models.postprocess.maskwise`."""

    def decide(self, seen: Observed) -> Winners:
        """Give the pixels to queries; padding is claimed and counts as the rest of the input."""
        cfg, labels = self.cfg, seen.labels
        ranking = seen.scores**cfg.reorder_class_weight
        ranking = ranking * self._mask_scores(seen.mask_logits) ** cfg.reorder_mask_weight
        order = after(ranking)
        place = order.sum(1)
        candidate = seen.scores >= self.class_threshold(labels)
        number = torch.where(candidate, self.number, 0).to(ranking)

        def look(logits: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
            share, total = _shares(logits)
            claimed = (share > cfg.pixel_confidence_threshold * total).to(share)
            return (number @ claimed).to(torch.int64), 1 / total

        code, probability = self.look(seen, look)
        pasted, areas = self.paste(self.count(code), order, candidate)
        kept = pasted & self.large_enough(areas, labels)
        ids = self.ids(kept, labels, place + 1)
        return Winners(self.winner(code, pasted, place), probability, ids)

    def _mask_scores(self, mask_logits: Tensor) -> Tensor:
        """Mean probability of each mask over its pixels at the model's stride, 0 without pixels."""
        share, total = _shares(mask_logits.flatten(1))
        hits = (share > self.cfg.pixel_confidence_threshold * total).to(share)
        return (hits * share / total).sum(1) / hits.sum(1).clamp(min=1)


class PortMerge(Merge):
    """Pastes masks by what the image's own pixels say, as :mod:`~..models.postprocess.port`."""

    at_own_size = True

    def decide(self, seen: Observed) -> Winners:
        """Give the pixels to queries; only those of the image count."""
        cfg, scores, labels = self.cfg, seen.scores, seen.labels
        candidate = scores > self.class_threshold(labels)
        number = torch.where(candidate, self.number, 0).to(scores)
        masses = []

        def look(logits: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
            share, total = _shares(logits)
            claimed = (share > cfg.pixel_confidence_threshold * total).to(share)
            masses.append((claimed * share) @ (inside / total))
            return (number @ claimed).to(torch.int64), 1 / total

        code, probability = self.look(seen, look)
        code = torch.where(seen.inside > 0, code, 0)
        claims = self.count(code)
        mask_scores = torch.stack(masses).sum(0) / claims.sum(1).clamp(min=1)
        ranking = scores**cfg.reorder_class_weight * mask_scores**cfg.reorder_mask_weight
        order = after(ranking)
        # Among the candidates alone.
        place = weigh(order.to(scores), candidate.to(scores)).to(torch.int64)
        pasted, _ = self.paste(claims, order, candidate)
        ids = self.ids(pasted, labels, place + 1)
        return Winners(self.winner(code, pasted, place), probability, ids)


class PixelwiseMerge(Merge):
    """Gives pixels to their strongest query, as :mod:`~..models.postprocess.pixelwise`."""

    def decide(self, seen: Observed) -> Winners:
        """Give the pixels to queries."""
        cfg, labels, none = self.cfg, seen.labels, self.num_queries
        remaining = seen.scores >= cfg.class_threshold
        weight = remaining.to(seen.mask_logits)
        # The first of those that reach the maximum has the highest number.
        descending = torch.arange(none, 0, -1, device=weight.device)
        # What does not remain takes its pixels from all others.
        query_of = torch.where(remaining, none - descending, none)

        def look(logits: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
            most = logits.amax(0)
            total = weight @ (logits - most).exp()
            first = (logits >= most).to(weight) * descending.to(weight)[:, None]
            strongest = none - first.amax(0).to(torch.int64)
            sure = cfg.pixel_confidence_threshold * total < 1
            query = torch.where(sure, query_of.index_select(0, strongest), none)
            # Where the strongest remains, the total is 1 at least.
            return query, 1 / total.clamp(min=1)

        query, probability = self.look(seen, look)
        kept = remaining & self.large_enough(count(query, none + 1)[:none], labels)
        index = torch.arange(1, none + 1, device=weight.device)
        return Winners(query, probability, self.ids(kept, labels, index))


RULES: dict[str, type[Merge]] = dict(
    deeplab2=MaskwiseMerge, port=PortMerge, pixelwise=PixelwiseMerge
)
"""How ``test_cfg.postprocess`` calls them."""


def refuse_rules(cfg: PostprocessConfig) -> None:
    """Refuse rules that no graph holds.

    Raises:
        ValueError: Says why.
    """
    threshold = cfg.pixel_confidence_threshold
    if cfg.postprocess != 'pixelwise' and threshold * (MOST_CLAIMS + 1) <= 1:
        raise ValueError(
            f'test_cfg.pixel_confidence_threshold is {threshold}: up to 1/3 more than two masks '
            'may claim a pixel, which the merge in an exported file does not hold: raise it by '
            '--cfg-options model.test_cfg.pixel_confidence_threshold=0.4, or export the logits by '
            '--output logits'
        )


def _shares(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return what softmax over the queries ``(N, pixels)`` divides, and the sum by which it does.

    Of softmax along any axis but the last engines make two transpositions.
    """
    share = (logits - logits.amax(0)).exp()
    return share, share.sum(0)

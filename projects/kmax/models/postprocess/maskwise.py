"""The original's post-processing: masks are pasted one after the other, most confident first.

kMaX-DeepLab (Yu et al., ECCV 2022, arXiv 2207.04044), section 4.1 "mask-wise post-processing".
"""

from dataclasses import dataclass

import numpy as np
import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from numpy.typing import NDArray
from torch import Tensor

from .finite import refuse_infinite, sum_logits
from .maps import ImagePrediction, PanopticMaps, PostprocessConfig, SegmentMaps, large_enough
from .merging import ClaimSets, claim_limit, merge
from .resizing import padded_axes, tiles
from .results import pack_results
from .slots import claims, class_scores, first_index
from .tables import look_up, paint
from .transfer import fetch, queries_to_look_at, select_queries


@dataclass
class Candidates:
    """Queries that may be pasted, in the order of pasting; arrays ``(M,)`` on the host."""

    query: NDArray
    position: NDArray
    label: NDArray
    score: NDArray

    @classmethod
    def select(
        cls, order: NDArray, labels: NDArray, scores: NDArray, sure: NDArray
    ) -> 'Candidates':
        """Select what is sure of all queries ``(N,)``, which are pasted in this order."""
        position = np.flatnonzero(sure[order])
        query = order[position]
        return cls(query, position, labels[query], scores[query])


def maskwise_results(image: ImagePrediction) -> dict:
    """Paste masks in the order of their scores.

    A pixel belongs to every mask whose probability there exceeds a threshold t, so at most
    1/t masks claim it. The counts of each set of claims decide on the host, with one transfer,
    which masks are pasted; one look-up paints the map.

    Args:
        image: Logits of the image and what is asked for.

    Returns:
        Results of :func:`.pack_results`. ``instance`` holds the position of the pasted query in
        the order of all queries, plus 1; it is 1 where nothing is pasted.
    """
    cfg, frame = image.cfg, image.frame
    scores, labels = class_scores(image.cls_logits)
    ranking = scores**cfg.reorder_class_weight
    ranking = ranking * _mask_scores(image.mask_logits, cfg) ** cfg.reorder_mask_weight
    order = ranking.argsort(descending=True, stable=True)
    sure = scores >= image.class_threshold(labels, scores.dtype)
    query = queries_to_look_at(sure)
    claim_maps, probability, strongest = _full_resolution(image, query)
    sets = ClaimSets.count(claim_maps, len(query))
    total = sum_logits(image.cls_logits, image.mask_logits)
    *found, pixels, total_on_host = fetch(order, labels, scores, sure, sets.pixels, total)
    refuse_infinite(float(total_on_host), image.name)
    candidates = Candidates.select(*found)
    maps = PanopticMaps()
    if cfg.segments_on:
        # `claims` numbers what it looks at from the last to the first.
        numbers = len(query) - np.searchsorted(query, candidates.query)
        winner = merge(sets, pixels, numbers, cfg.overlap_threshold)
        void = image.num_classes
        areas, label = torch.from_numpy(winner.areas), torch.from_numpy(candidates.label)
        kept = large_enough(areas, label, cfg, image.num_things_classes, void).numpy()
        codes = frame.bring_out(sets.codes)
        is_thing = candidates.label < image.num_things_classes
        instance_id = np.where(is_thing, candidates.position + 1, 0)
        panoptic = np.where(kept, candidates.label + instance_id * INSTANCE_OFFSET, void)
        place = winner.of_set, codes
        maps.segments = SegmentMaps(
            panoptic=paint(panoptic, void, *place, torch.int32),
            instance=paint(candidates.position + 1, 1, *place, torch.int32),
            instance_scores=frame.bring_out(probability),
            semantic_scores=paint(candidates.score, 0, *place, scores.dtype),
        )
    if cfg.semantic_on:
        maps.semantic = look_up(labels, frame.bring_out(strongest))
    return pack_results(maps, image)


def _mask_scores(mask_logits: Tensor, cfg: PostprocessConfig) -> Tensor:
    """Mean probability of each mask over its pixels at the model's stride; 0 without pixels."""
    probability = mask_logits.flatten(1).softmax(0)
    hits = torch.gt(probability, cfg.pixel_confidence_threshold, out=torch.empty_like(probability))
    area = hits.sum(1)
    return hits.mul_(probability).sum(1) / area.clamp(min=1)


def _full_resolution(image: ImagePrediction, query: NDArray) -> tuple[Tensor, Tensor, Tensor]:
    """Return claims of queries ``(k, H, W)``, and the strongest one's probability and index."""
    cfg, frame, mask_logits = image.cfg, image.frame, image.mask_logits
    count = len(query)
    threshold = cfg.pixel_confidence_threshold
    limit = claim_limit(threshold, count)
    device = mask_logits.device
    claim_maps = torch.zeros((limit, *frame.padded), dtype=torch.int16, device=device)
    probability = mask_logits.new_zeros(frame.padded)
    strongest = torch.zeros(frame.padded, dtype=torch.int16, device=device)
    for place, logits in tiles(mask_logits, padded_axes(mask_logits, frame.padded)):
        if cfg.semantic_on:
            strongest[place] = first_index(logits, logits.amax(1))
        if cfg.segments_on:
            share = logits.softmax(1)
            probability[place] = share.amax(1)
            if count:
                chosen = select_queries(share, query)
                claim_maps[(slice(None), *place)] = claims(chosen, threshold, limit)
    return claim_maps, probability, strongest

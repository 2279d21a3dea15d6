"""The port's post-processing: everything is decided at the size of the output."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch import Tensor

from .finite import refuse_infinite, sum_logits
from .maps import ImagePrediction, PanopticMaps, PostprocessConfig, SegmentMaps
from .merging import ClaimSets, claim_limit, merge
from .resizing import output_axes, tiles
from .results import bounding_boxes, pack_maps
from .slots import claims, first_index
from .tables import paint
from .transfer import fetch, queries_to_look_at, select_queries


def port_results(image: ImagePrediction) -> dict:
    """Merge masks greedily, sum up class evidence per pixel, rank pairs of query and class.

    Thresholds are exceeded, not reached, and there are no area limits.

    Args:
        image: Logits of the image and what is asked for.

    Returns:
        Results as :func:`~.results.pack_results` gives them. ``instance`` holds the position of
        the pasted query, plus 1, among those whose class is sure enough; it is 1 where nothing is
        pasted. Instances are the ``max_per_image`` best pairs, best first, with a panoptic result
        only those of things.
    """
    cfg = image.cfg
    class_probs = image.cls_logits.softmax(-1)[:, :-1]
    score, label = class_probs.max(-1)
    sure = (score > image.class_threshold(label, score.dtype)) & cfg.panoptic_on
    pairs = _Pairs.best(class_probs, cfg.max_per_image if cfg.instance_on else 0)
    listed = np.unique(fetch(pairs.query)[0]) if cfg.instance_on else np.empty(0, np.int64)
    query = np.union1d(queries_to_look_at(sure), listed)
    view = _full_resolution(image, class_probs, query, listed)
    mask_scores = view.mass / view.areas.clamp(min=1)
    maps = PanopticMaps(semantic=view.semantic)
    total = sum_logits(image.cls_logits, image.mask_logits)
    found = fetch(score, label, sure, mask_scores, view.sets.pixels, total)
    pixels = found[-2]
    refuse_infinite(float(found[-1]), image.name)
    if cfg.panoptic_on:
        candidates = _Candidates.select(found[:4], query, cfg)
        maps.segments = _segments(image, candidates, pixels, view)
    results = pack_maps(maps, cfg)
    if cfg.instance_on:
        count, device = len(class_probs), mask_scores.device
        slot = torch.from_numpy(np.searchsorted(listed, np.arange(count))).to(device)
        score = mask_scores.new_zeros(count)
        score[torch.from_numpy(query).to(device)] = mask_scores
        if cfg.panoptic_on:
            pairs = pairs.select(pairs.label < image.num_things_classes)
        scores = pairs.score * score[pairs.query]
        best = scores.argsort(descending=True, stable=True)
        pairs = pairs.select(best)
        masks = view.masks[slot[pairs.query]]
        results['ins_results'] = InstanceData(
            labels=pairs.label, scores=scores[best], masks=masks, bboxes=bounding_boxes(masks)
        )
    return results


@dataclass
class _Pairs:
    """Pairs of a query and a class ``(n,)``, with the class's probability."""

    query: Tensor
    label: Tensor
    score: Tensor

    @classmethod
    def best(cls, class_probs: Tensor, count: int) -> '_Pairs':
        score, index = class_probs.flatten().topk(min(count, class_probs.numel()))
        num_classes = class_probs.shape[1]
        return cls(index // num_classes, index % num_classes, score)

    def select(self, index: Tensor) -> '_Pairs':
        return _Pairs(self.query[index], self.label[index], self.score[index])


@dataclass
class _Candidates:
    """Queries to paste, in their order; arrays ``(M,)`` on the host.

    ``number`` is what stands for their claims.
    """

    number: NDArray
    label: NDArray
    score: NDArray

    @classmethod
    def select(
        cls, found: Sequence[NDArray], looked_at: NDArray, cfg: PostprocessConfig
    ) -> '_Candidates':
        """Select what is sure enough.

        Args:
            found: Class probability ``(N,)`` of each query, its class, whether it is sure, and the
                mask score of each query looked at.
            looked_at: Those queries.
            cfg: Exponents of the ranking.
        """
        scores, labels, sure, mask_scores = found
        query = np.flatnonzero(sure)
        place = np.searchsorted(looked_at, query)
        ranking = scores[query] ** cfg.reorder_class_weight
        ranking = ranking * mask_scores[place] ** cfg.reorder_mask_weight
        order = np.argsort(-ranking, kind='stable')
        query = query[order]
        # `claims` numbers what it looks at from the last to the first.
        return cls(len(looked_at) - place[order], labels[query], scores[query])


@dataclass
class _View:
    """What the output's pixels say.

    Attributes:
        sets: Which of the queries looked at claim each pixel.
        areas: Pixels of each of them.
        mass: Sum of its probability over these pixels.
        probability: ``(H, W)`` of the strongest query of all.
        masks: ``(n, H, W)`` bool masks of the queries listed.
        semantic: ``(H, W)`` int64 class with the most evidence, or None.
    """

    sets: ClaimSets
    areas: Tensor
    mass: Tensor
    probability: Tensor
    masks: Tensor
    semantic: Tensor | None


def _full_resolution(
    image: ImagePrediction, class_probs: Tensor, query: NDArray, listed: NDArray
) -> _View:
    cfg, frame, mask_logits = image.cfg, image.frame, image.mask_logits
    device = mask_logits.device
    threshold = cfg.pixel_confidence_threshold
    limit = claim_limit(threshold, len(query))
    claim_maps = torch.zeros((limit, *frame.output), dtype=torch.int16, device=device)
    areas, mass = mask_logits.new_zeros(2, len(query))
    probability = mask_logits.new_zeros(frame.output)
    all_masks = torch.zeros((len(listed), *frame.output), dtype=torch.bool, device=device)
    semantic = None
    if cfg.semantic_on:
        semantic = torch.zeros(frame.output, dtype=torch.long, device=device)
    slot = torch.from_numpy(np.searchsorted(query, listed)).to(device)
    classes = class_probs.t().to(mask_logits.dtype)
    for place, logits in tiles(mask_logits, output_axes(mask_logits, frame)):
        share = logits.softmax(1)
        probability[place] = share.amax(1)
        if semantic is not None:
            evidence = classes @ share
            semantic[place] = first_index(evidence, evidence.amax(1)).long()
        if len(query):
            chosen = select_queries(share, query)
            if cfg.panoptic_on:
                claim_maps[(slice(None), *place)] = claims(chosen, threshold, limit)
            hits = torch.gt(chosen, threshold, out=torch.empty_like(chosen))
            areas += hits.sum((0, 2))
            mass += chosen.mul_(hits).sum((0, 2))
            if len(listed):
                masks = hits.index_select(1, slot).transpose(0, 1).bool()
                all_masks[(slice(None), *place)] = masks
    sets = ClaimSets.count(claim_maps, len(query))
    return _View(sets, areas, mass, probability, all_masks, semantic)


def _segments(
    image: ImagePrediction,
    candidates: _Candidates,
    pixels: NDArray,
    view: _View,
) -> SegmentMaps:
    winner = merge(view.sets, pixels, candidates.number, image.cfg.overlap_threshold)
    position = np.arange(1, len(candidates.number) + 1)
    instance_id = np.where(candidates.label < image.num_things_classes, position, 0)
    panoptic = candidates.label + instance_id * INSTANCE_OFFSET
    place = winner.of_set, view.sets.codes
    return SegmentMaps(
        panoptic=paint(panoptic, image.num_classes, *place, torch.int32),
        instance=paint(position, 1, *place, torch.int32),
        instance_scores=view.probability,
        semantic_scores=paint(candidates.score, 0, *place, view.mass.dtype),
    )

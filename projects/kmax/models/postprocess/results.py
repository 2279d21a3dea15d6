"""Maps as mmdet's result structures."""

import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from .maps import ImagePrediction, PanopticMaps, PostprocessConfig, SegmentMaps


def pack_results(maps: PanopticMaps, image: ImagePrediction) -> dict:
    """Pack what is asked for: that of :func:`pack_maps`, and thing segments as ``ins_results``."""
    results = pack_maps(maps, image.cfg)
    if maps.segments is not None and image.cfg.instance_on:
        results['ins_results'] = segments_to_instances(
            maps.segments, image.num_things_classes, image.cfg.max_per_image
        )
    return results


def pack_maps(maps: PanopticMaps, cfg: PostprocessConfig) -> dict:
    """Pack maps that are asked for.

    Returns:
        Any of ``pan_results`` (fields ``sem_seg``, ``instance``, ``instance_scores`` and
        ``semantic_scores``, each ``(1, h, w)``) and ``sem_results`` (field ``sem_seg``).
    """
    results: dict[str, PixelData] = {}
    if maps.segments is not None and cfg.panoptic_on:
        results['pan_results'] = PixelData(
            sem_seg=maps.segments.panoptic[None],
            instance=maps.segments.instance[None],
            instance_scores=maps.segments.instance_scores[None],
            semantic_scores=maps.segments.semantic_scores[None],
        )
    if maps.semantic is not None:
        results['sem_results'] = PixelData(sem_seg=maps.semantic[None])
    return results


def segments_to_instances(
    segments: SegmentMaps, num_things_classes: int, max_per_image: int
) -> InstanceData:
    """Make instances of the ``max_per_image`` best thing segments of a panoptic map, best first.

    Its score is the mean probability of its pixels times the mean probability of its class. The
    fields are ``labels``, ``scores``, ``masks`` ``(n, h, w)`` bool and ``bboxes``.
    """
    flat = segments.panoptic.flatten()
    areas = torch.bincount(flat)
    ids = areas.nonzero()[:, 0]
    ids = ids[ids % INSTANCE_OFFSET < num_things_classes]
    probability, confidence = (
        torch.bincount(flat, weights=score.flatten())[ids] / areas[ids]
        for score in (segments.instance_scores.double(), segments.semantic_scores.double())
    )
    scores = (probability * confidence).to(segments.instance_scores.dtype)
    best = scores.argsort(descending=True, stable=True)[:max_per_image]
    ids = ids[best]
    masks = segments.panoptic == ids[:, None, None]
    return InstanceData(
        labels=ids % INSTANCE_OFFSET, scores=scores[best], masks=masks, bboxes=bounding_boxes(masks)
    )


def bounding_boxes(masks: Tensor) -> Tensor:
    """Return boxes ``(n, 4)`` x1, y1, x2, y2 around masks ``(n, h, w)``; zeros for empty ones.

    Unlike mmdet's ``mask2bbox`` it never waits for the device.
    """
    sides = []
    for dim in (1, 2):
        occupied = masks.any(dim).to(torch.float32)
        position = torch.arange(1, occupied.shape[1] + 1, device=masks.device)
        last = (occupied * position).amax(1)
        first = (occupied * position.flip(0)).amax(1)
        sides.append(((occupied.shape[1] - first) * (first > 0), last))
    (left, right), (top, bottom) = sides
    return torch.stack([left, top, right, bottom], dim=1)

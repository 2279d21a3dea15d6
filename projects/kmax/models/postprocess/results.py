"""Maps as mmdet's result structures."""

import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmdet.structures.mask import mask2bbox
from mmengine.structures import InstanceData, PixelData

from .maps import PanopticMaps, PostprocessConfig, SegmentMaps


def pack_results(maps: PanopticMaps, cfg: PostprocessConfig, num_things_classes: int) -> dict:
    """Pack what is asked for.

    Returns:
        Any of ``pan_results`` (fields ``sem_seg``, ``instance``, ``instance_scores`` and
        ``semantic_scores``, each ``(1, h, w)``), ``sem_results`` (field ``sem_seg``) and
        ``ins_results``.
    """
    results: dict[str, PixelData | InstanceData] = {}
    if maps.segments is not None and cfg.panoptic_on:
        results['pan_results'] = PixelData(
            sem_seg=maps.segments.panoptic[None],
            instance=maps.segments.instance[None],
            instance_scores=maps.segments.instance_scores[None],
            semantic_scores=maps.segments.semantic_scores[None],
        )
    if maps.semantic is not None:
        results['sem_results'] = PixelData(sem_seg=maps.semantic[None])
    if maps.segments is not None and cfg.instance_on:
        results['ins_results'] = segments_to_instances(
            maps.segments, num_things_classes, cfg.max_per_image
        )
    return results


def segments_to_instances(
    segments: SegmentMaps, num_things_classes: int, max_per_image: int
) -> InstanceData:
    """Make an instance of every thing segment of a panoptic map.

    Its score is the mean probability of its pixels times the mean probability of its class.

    Args:
        segments: Panoptic maps of the image.
        num_things_classes: Number of thing classes, which come first.
        max_per_image: Most instances, best first.

    Returns:
        ``labels``, ``scores``, ``masks`` ``(n, h, w)`` bool and ``bboxes``.
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
        labels=ids % INSTANCE_OFFSET, scores=scores[best], masks=masks, bboxes=mask2bbox(masks)
    )

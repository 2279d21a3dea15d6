"""Maps as mmdet's result structures."""

import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmdet.structures.mask import mask2bbox
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from .maps import PanopticMaps, PostprocessConfig


def pack_results(maps: PanopticMaps, cfg: PostprocessConfig, num_things_classes: int) -> dict:
    """Pack what is asked for.

    Returns:
        Any of ``pan_results`` (fields ``sem_seg``, ``instance``, ``instance_scores`` and
        ``semantic_scores``, each ``(1, h, w)``), ``sem_results`` (field ``sem_seg``) and
        ``ins_results``.
    """
    results: dict[str, PixelData | InstanceData] = {}
    if cfg.panoptic_on:
        results['pan_results'] = PixelData(
            sem_seg=maps.panoptic[None],
            instance=maps.instance[None],
            instance_scores=maps.instance_scores[None],
            semantic_scores=maps.semantic_scores[None],
        )
    if cfg.semantic_on:
        results['sem_results'] = PixelData(sem_seg=maps.semantic[None])
    if cfg.instance_on:
        results['ins_results'] = segments_to_instances(
            maps.panoptic,
            maps.instance_scores,
            maps.semantic_scores,
            num_things_classes,
            cfg.max_per_image,
        )
    return results


def segments_to_instances(
    panoptic: Tensor,
    instance_scores: Tensor,
    semantic_scores: Tensor,
    num_things_classes: int,
    max_per_image: int,
) -> InstanceData:
    """Make an instance of every thing segment of a panoptic map.

    Its score is the mean probability of its pixels times the mean probability of its class.

    Args:
        panoptic: ``(h, w)`` ``label + instance * 1000``.
        instance_scores: ``(h, w)`` probability of the pixel.
        semantic_scores: ``(h, w)`` probability of the class.
        num_things_classes: Number of thing classes, which come first.
        max_per_image: Most instances, best first.

    Returns:
        ``labels``, ``scores``, ``masks`` ``(n, h, w)`` bool and ``bboxes``.
    """
    flat = panoptic.flatten()
    areas = torch.bincount(flat)
    ids = areas.nonzero()[:, 0]
    ids = ids[ids % INSTANCE_OFFSET < num_things_classes]
    probability, confidence = (
        torch.bincount(flat, weights=score.flatten())[ids] / areas[ids]
        for score in (instance_scores.double(), semantic_scores.double())
    )
    scores = (probability * confidence).to(instance_scores.dtype)
    best = scores.argsort(descending=True, stable=True)[:max_per_image]
    ids = ids[best]
    masks = panoptic == ids[:, None, None]
    return InstanceData(
        labels=ids % INSTANCE_OFFSET, scores=scores[best], masks=masks, bboxes=mask2bbox(masks)
    )

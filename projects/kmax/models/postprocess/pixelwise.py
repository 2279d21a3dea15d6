"""The original's other post-processing: every pixel decides for itself."""

import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from torch import Tensor

from .maps import Frame, PanopticMaps, PostprocessConfig, SegmentMaps, large_enough
from .slots import class_scores, first_index, resized_rows


def pixelwise_maps(
    cls_logits: Tensor,
    mask_logits: Tensor,
    frame: Frame,
    cfg: PostprocessConfig,
    num_things_classes: int,
) -> PanopticMaps:
    """Give each pixel to its strongest query, if that is sure of its class and of the pixel.

    Args:
        cls_logits: ``(N, K + 1)``, void last.
        mask_logits: ``(N, h, w)`` at the model's stride.
        frame: Sizes of the image.
        cfg: Thresholds and what is asked for.
        num_things_classes: Number of thing classes, which come first.

    Returns:
        Maps at the frame's output size. ``instance`` holds the strongest remaining query plus
        1, ``instance_scores`` its share among the remaining queries and ``semantic_scores`` its
        class probability, at void pixels too.
    """
    scores, labels = class_scores(cls_logits)
    remaining = (scores >= cfg.class_threshold).nonzero()[:, 0]
    strongest, sure, probability = _full_resolution(mask_logits, remaining, frame, cfg)
    maps = PanopticMaps()
    if cfg.semantic_on:
        maps.semantic = labels[frame.bring_out(strongest).long()]
    if cfg.segments_on:
        void = cls_logits.shape[1] - 1
        query = sure.long()
        valid = (query == strongest) & (probability > cfg.pixel_confidence_threshold)
        areas = torch.bincount(query[valid], minlength=len(labels))
        kept = large_enough(areas, labels, cfg, num_things_classes, num_classes=void)
        index = torch.arange(len(labels), device=labels.device)
        instance_id = torch.where(labels < num_things_classes, index + 1, 0)
        panoptic = torch.where(kept, labels + instance_id * INSTANCE_OFFSET, void)
        query, valid = frame.bring_out(query), frame.bring_out(valid)
        maps.segments = SegmentMaps(
            panoptic=torch.where(valid, panoptic[query], void).int(),
            instance=query.int() + 1,
            instance_scores=frame.bring_out(probability),
            semantic_scores=scores[query],
        )
    return maps


def _full_resolution(
    mask_logits: Tensor, remaining: Tensor, frame: Frame, cfg: PostprocessConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the strongest query of all, that of the remaining, and the latter's probability."""
    strongest = torch.zeros(frame.padded, dtype=torch.int16, device=mask_logits.device)
    sure = torch.zeros_like(strongest)
    probability = mask_logits.new_zeros(frame.padded)
    for rows, logits in resized_rows(mask_logits, frame.padded):
        strongest[rows] = first_index(logits, logits.amax(1))
        if cfg.segments_on and len(remaining):
            chosen = logits.index_select(1, remaining)
            top = chosen.amax(1)
            sure[rows] = remaining[first_index(chosen, top).long()].to(sure.dtype)
            probability[rows] = chosen.sub_(top[:, None]).exp_().sum(1).reciprocal()
    return strongest, sure, probability

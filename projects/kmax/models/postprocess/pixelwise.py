"""The original's other post-processing: every pixel decides for itself."""

import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from torch import Tensor

from .finite import refuse_infinite, sum_logits
from .maps import ImagePrediction, PanopticMaps, SegmentMaps, large_enough
from .resizing import padded_axes, tiles
from .results import pack_results
from .slots import class_scores, first_index
from .tables import look_up


def pixelwise_results(image: ImagePrediction) -> dict:
    """Give each pixel to its strongest query, if that is sure of its class and of the pixel.

    Args:
        image: Logits of the image and what is asked for.

    Returns:
        Results of :func:`.pack_results`. ``instance`` holds the strongest remaining query plus
        1, ``instance_scores`` its share among the remaining queries and ``semantic_scores`` its
        class probability, at void pixels too.
    """
    cfg, frame = image.cfg, image.frame
    scores, labels = class_scores(image.cls_logits)
    total = sum_logits(image.cls_logits, image.mask_logits)
    remaining = (scores >= cfg.class_threshold).nonzero()[:, 0]
    # The indices have made the host wait already.
    refuse_infinite(total.item(), image.name)
    strongest, sure, probability = _full_resolution(image, remaining)
    maps = PanopticMaps()
    if cfg.semantic_on:
        maps.semantic = look_up(labels, frame.bring_out(strongest))
    if cfg.segments_on:
        void = image.num_classes
        query = sure.int()
        valid = (query == strongest) & (probability > cfg.pixel_confidence_threshold)
        areas = torch.bincount(query[valid], minlength=len(labels))
        kept = large_enough(areas, labels, cfg, image.num_things_classes, void)
        index = torch.arange(len(labels), device=labels.device)
        instance_id = torch.where(labels < image.num_things_classes, index + 1, 0)
        panoptic = torch.where(kept, labels + instance_id * INSTANCE_OFFSET, void)
        query, valid = frame.bring_out(query), frame.bring_out(valid)
        maps.segments = SegmentMaps(
            panoptic=torch.where(valid, look_up(panoptic.int(), query), void),
            instance=query + 1,
            instance_scores=frame.bring_out(probability),
            semantic_scores=look_up(scores, query),
        )
    return pack_results(maps, image)


def _full_resolution(image: ImagePrediction, remaining: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the strongest query of all, that of the remaining, and the latter's probability."""
    cfg, frame, mask_logits = image.cfg, image.frame, image.mask_logits
    strongest = torch.zeros(frame.padded, dtype=torch.int16, device=mask_logits.device)
    sure = torch.zeros_like(strongest)
    probability = mask_logits.new_zeros(frame.padded)
    for place, logits in tiles(mask_logits, padded_axes(mask_logits, frame.padded)):
        strongest[place] = first_index(logits, logits.amax(1))
        if cfg.segments_on and len(remaining):
            share = logits.index_select(1, remaining).softmax(1)
            top = share.amax(1)
            sure[place] = remaining[first_index(share, top).long()].to(sure.dtype)
            probability[place] = top
    return strongest, sure, probability

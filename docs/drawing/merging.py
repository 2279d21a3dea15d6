"""Post-processing, one mask after the other, as ``projects.kmax.models.postprocess.maskwise``."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from kmax_deeplab.pictures.panels import Panel
from projects.kmax.models.postprocess import ImagePrediction
from projects.kmax.models.postprocess.maps import large_enough
from projects.kmax.models.postprocess.maskwise import Candidates
from projects.kmax.models.postprocess.resizing import padded_axes, tiles
from projects.kmax.models.postprocess.slots import class_scores

from .canvas import Picture, backdrop, hatch, outline, paint, panel_width, sheet, stretch
from .study import Look

NOBODY = -1
FRAMES, COLUMNS = 8, 4
REFUSED = (200, 30, 40)
"""Colour of what is left out."""


@dataclass
class PastedMask:
    """A mask in its turn.

    Attributes:
        query: Whose it is.
        label: Its class.
        score: Probability of the class.
        mask_score: Mean probability of its pixels.
        pixels: ``(H, W)`` bool, those it claims.
        free: Share of them where no earlier mask is.
        fits: Whether that is enough, so that it is pasted.
        is_kept: Whether it reaches the area limit then.
    """

    query: int
    label: int
    score: float
    mask_score: float
    pixels: NDArray[np.bool_]
    free: float
    fits: bool
    is_kept: bool = True


@dataclass
class Merged:
    """Masks that have pixels, in their order, and what they become.

    Attributes:
        masks: All of them.
        owner: ``(H, W)`` query of each pixel, before area limits.
    """

    masks: list[PastedMask]
    owner: NDArray[np.integer]

    @property
    def pasted(self) -> list[PastedMask]:
        """Those that end up in the result."""
        return [mask for mask in self.masks if mask.fits and mask.is_kept]

    @property
    def void(self) -> NDArray[np.bool_]:
        """What nothing is left on."""
        return ~np.isin(self.owner, [mask.query for mask in self.pasted])


def merge_masks(image: ImagePrediction) -> Merged:
    """Merge the masks of an image by the rules ``deeplab2``, at the size of the padded input."""
    cfg = image.cfg
    probability = image.mask_logits.softmax(0)
    hits = probability > cfg.pixel_confidence_threshold
    mask_scores = (probability * hits).sum((1, 2)) / hits.sum((1, 2)).clamp(min=1)
    scores, labels = class_scores(image.cls_logits)
    ranking = scores**cfg.reorder_class_weight * mask_scores**cfg.reorder_mask_weight
    order = ranking.argsort(descending=True, stable=True)
    sure = scores >= image.class_threshold(labels, scores.dtype)
    arrays = (values.numpy() for values in (order, labels, scores, sure))
    claimed = _claims(image)
    owner = np.full(image.frame.padded, NOBODY)
    masks = []
    for query in Candidates.select(*arrays).query.tolist():
        pixels = claimed[query]
        if not pixels.any():
            continue
        new = pixels & (owner == NOBODY)
        fits = bool(np.float32(new.sum()) > np.float32(cfg.overlap_threshold) * pixels.sum())
        if fits:
            owner[new] = query
        entry = (int(labels[query]), float(scores[query]), float(mask_scores[query]))
        masks.append(PastedMask(query, *entry, pixels, new.sum() / pixels.sum(), fits))
    pasted = [mask for mask in masks if mask.fits]
    areas = torch.tensor([int((owner == mask.query).sum()) for mask in pasted], dtype=torch.int64)
    of_class = torch.tensor([mask.label for mask in pasted], dtype=torch.int64)
    counts = image.num_things_classes, image.num_classes
    for mask, kept in zip(pasted, large_enough(areas, of_class, cfg, *counts), strict=True):
        mask.is_kept = bool(kept)
    return Merged(masks, owner)


def _claims(image: ImagePrediction) -> NDArray[np.bool_]:
    """Return the pixels ``(N, H, W)`` of the padded input where a query is sure enough."""
    threshold, size = image.cfg.pixel_confidence_threshold, image.frame.padded
    claimed = np.zeros((len(image.mask_logits), *size), bool)
    for place, logits in tiles(image.mask_logits, padded_axes(image.mask_logits, size)):
        # Tiles are (rows, N, columns).
        claimed[(slice(None), *place)] = (logits.softmax(1) > threshold).transpose(0, 1).numpy()
    return claimed


def draw_merging(look: Look, **limits: int) -> Picture:
    """Draw how masks are pasted one after the other, what is left out and what void remains."""
    merged = merge_masks(look.prediction(**limits))
    width = panel_width(COLUMNS)
    # The result has a frame of its own, and the masks that are too many share the first one.
    together = max(len(merged.masks) - (FRAMES - 1), 0)
    panels = []
    for number in range(together + 1, len(merged.masks) + 1):
        first = 1 if number == together + 1 else number
        panels.append(_frame(look, merged, first, number, width))
    panels.append(_result(look, merged, width))
    return sheet(panels, COLUMNS)


def _frame(look: Look, merged: Merged, first: int, number: int, width: int) -> Panel:
    """Draw the masks up to a number, those from ``first`` on as the new ones."""
    drawn = backdrop(look.image, width)
    for place, mask in enumerate(merged.masks[:number], start=1):
        if mask.fits:
            fill = 0.85 if place >= first else 0.4
            pixels = owned_by(look, merged, mask, drawn)
            paint(drawn, pixels, look.colors[mask.query], fill)
            if place >= first:
                outline(drawn, pixels)
    new = merged.masks[first - 1 : number]
    names = ', '.join(look.classes[mask.label] for mask in new)
    if not new[-1].fits:
        outline(drawn, stretch(look.crop(new[-1].pixels), drawn) > 0, REFUSED)
        said = f'{new[-1].free:.0%} is free, {look.test_cfg.overlap_threshold:.0%} needed'
        return Panel(drawn, f'{number}  {names}: left out', said)
    numbers = f'{number}' if first == number else f'{first}–{number}'
    scores = ', '.join(f'{mask.score:.2f} × {mask.mask_score:.2f}' for mask in new[:2])
    return Panel(drawn, f'{numbers}  {names}', scores)


def owned_by(look: Look, merged: Merged, mask: PastedMask, like: Picture) -> NDArray[np.bool_]:
    """Return the pixels that a mask was pasted on, at the size of a picture."""
    return stretch(look.crop(merged.owner) == mask.query, like) > 0


def _result(look: Look, merged: Merged, width: int) -> Panel:
    drawn = backdrop(look.image, width)
    for mask in merged.pasted:
        paint(drawn, owned_by(look, merged, mask, drawn), look.colors[mask.query], 0.85)
    hatch(drawn, stretch(look.crop(merged.void), drawn) > 0)
    small = [mask for mask in merged.masks if mask.fits and not mask.is_kept]
    for mask in small:
        outline(drawn, owned_by(look, merged, mask, drawn), REFUSED)
    share = look.crop(merged.void).mean()
    names = ', '.join(look.classes[mask.label] for mask in small)
    said = f', {names} too small' if small else ''
    return Panel(drawn, 'result', f'{share:.0%} void{said}')

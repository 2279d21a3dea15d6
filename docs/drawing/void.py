"""Void: in an annotation, for a query, and in a prediction."""

import numpy as np

from kmax_deeplab.pictures.panels import Panel

from .canvas import Picture, backdrop, enlarge, hatch, outline, paint, panel_width, sheet, stretch
from .layers import annotated_mask
from .losses import draw_share
from .merging import merge_masks, owned_by
from .study import Look

COLUMNS = 4


def draw_void(look: Look) -> Picture:
    """Draw annotated void, the unmatched query with the greatest share of it, predicted void."""
    width = panel_width(COLUMNS)
    image = enlarge(look.image, width)
    annotated = backdrop(look.image, width)
    for row, query in look.matched():
        paint(annotated, annotated_mask(look, row, annotated), look.colors[query], 0.7)
    is_void = look.segments.ids == 0
    void = stretch(is_void, annotated) > 0
    hatch(annotated, void)
    query, share = void_query(look)
    idle = draw_share(look, look.probabilities(look.output)[query], query, width)
    outline(idle, void)
    merged = merge_masks(look.prediction())
    predicted = backdrop(look.image, width)
    for mask in merged.pasted:
        paint(predicted, owned_by(look, merged, mask, predicted), look.colors[mask.query], 0.7)
    hatch(predicted, stretch(look.crop(merged.void), predicted) > 0)
    panels = [
        Panel(image, 'image'),
        Panel(annotated, 'annotated', f'{is_void.mean():.0%} void: no mask loss there'),
        Panel(idle, 'an unmatched query', f'{share:.0%} of it lies in void'),
        Panel(predicted, 'predicted', f'{look.crop(merged.void).mean():.0%} void: nobody is sure'),
    ]
    return sheet(panels, COLUMNS)


def void_query(look: Look) -> tuple[int, float]:
    """Return the unmatched query with most mass in void, and its share: its weight in the loss."""
    matches = look.final.matches
    probs = look.probabilities(look.output).reshape(len(look.rank), -1)
    mass = probs @ look.final.masks.void[0].numpy().astype(probs.dtype)
    query = int(np.where(matches.matched[0], -1, mass).argmax())
    return query, float(matches.cls_weight[0, query])

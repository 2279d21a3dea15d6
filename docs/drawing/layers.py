"""The clustering from layer to layer: the picture of the README, and the way of one centre."""

import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.pictures.clusters import draw_clusters
from kmax_deeplab.pictures.drawing import find_contours, write_names
from kmax_deeplab.pictures.panels import Panel, compose_sheet
from kmax_deeplab.pictures.segments import Segments
from projects.kmax.models.assigner import mask_dice
from projects.kmax.models.structures import KMaXPrediction

from .canvas import (
    PAPER,
    Picture,
    enlarge,
    frame,
    heat,
    outline,
    paint,
    panel_width,
    sheet,
    stretch,
)
from .merging import merge_masks, owned_by
from .study import Look

TOUR_PANEL, TOUR_TEXT, TOUR_NAMES = 320, 31, 23
"""Pixels: captions and names are to be read on a phone, too."""


def draw_tour(look: Look) -> Picture:
    """Draw an image, its segments and what each layer assigns, in the colours of the centres."""
    image = enlarge(look.image, TOUR_PANEL)
    layers = []
    for number, level in enumerate(look.output.aux, start=1):
        assignment = level.mask_logits[0].argmax(0).numpy()
        detail = f'stride {stride_of(look, level)}'
        layers.append(Panel(draw_assignment(look, assignment, image), f'layer {number}', detail))
    half = -(-len(layers) // 2)
    segments = Panel(draw_segments(look, image, TOUR_NAMES), 'segments')
    panels = [Panel(image, 'image'), *layers[:half], segments, *layers[half:]]
    return compose_sheet(panels, 1 + half, TOUR_TEXT)


def draw_centre(look: Look, row: int = 0) -> Picture:
    """Draw how sure each layer and the final prediction are of one mask's centre.

    ``row`` counts the annotated masks, the largest thing first. Its contour is on all of them.
    """
    labels = look.final.masks.labels[0]
    things = [pair for pair in look.matched() if labels[pair[0]] < look.num_things]
    mask_row, query = (things or look.matched())[row]
    columns = 4
    image = enlarge(look.image, panel_width(columns))
    truth = annotated_mask(look, mask_row, image)
    label = look.classes[int(labels[mask_row])]
    panels = [Panel(image.copy(), 'image', f'the {label} is outlined')]
    names = [*(f'layer {number + 1}' for number in range(len(look.steps))), 'final']
    predictions = [*look.output.aux, look.output]
    levels = [*look.levels[1:], look.final]
    for name, prediction, level in zip(names, predictions, levels, strict=True):
        share = look.probabilities(prediction)[query]
        title = f'{name}, stride {stride_of(look, prediction)}'
        drawn = heat(stretch(look.spread(share), image), look.colors[query])
        frame(drawn)
        # As the losses see it, at the resolution of the final masks.
        probs = level.mask_logits.softmax(1)
        dice = mask_dice(probs, level.masks.binary, (~level.masks.void).to(probs))
        panels.append(Panel(drawn, title, f'Dice {dice[0, mask_row, query]:.2f}'))
    for panel in panels:
        outline(panel.image, truth)
    return sheet(panels, columns)


def annotated_mask(look: Look, row: int, like: Picture) -> NDArray[np.bool_]:
    """Return an annotated mask at the size of a picture."""
    mask = look.grid(look.final.masks.binary[0, row])
    return stretch(look.spread(mask), like) > 0


def stride_of(look: Look, prediction: KMaXPrediction) -> int:
    """Return the pixels of the input between those of a prediction."""
    return round((look.frame.padded[1] - 1) / max(prediction.mask_logits.shape[-1] - 1, 1))


def draw_assignment(look: Look, assignment: NDArray[np.integer], image: Picture) -> Picture:
    """Paint each pixel of a map ``(h, w)`` of centres in its centre's colour over an image."""
    ranks = look.spread(look.rank[assignment])
    return draw_clusters(image, ranks, len(look.rank))


def draw_segments(look: Look, image: Picture, text_size: int) -> Picture:
    """Paint the predicted segments over an image in the colours of their centres, and name them."""
    merged = merge_masks(look.prediction())
    drawn, ids, labels = image.copy(), np.zeros(look.frame.content, np.int32), []
    for mask in merged.pasted:
        pixels = look.crop(merged.owner) == mask.query
        labels.append(mask.label)
        ids[pixels] = len(labels)
        paint(drawn, owned_by(look, merged, mask, image), look.colors[mask.query], 0.62)
    found = Segments(ids, labels).resize(image.shape[:2])
    drawn[find_contours(found.ids, 2)] = PAPER
    return write_names(drawn, found, look.classes, text_size)

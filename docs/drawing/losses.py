"""What the losses compare: annotated masks, matched queries, void."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kmax_deeplab.pictures.panels import Panel

from .canvas import (
    Picture,
    backdrop,
    enlarge,
    frame,
    hatch,
    heat,
    outline,
    panel_width,
    sheet,
    stretch,
)
from .layers import annotated_mask
from .study import Look

COLUMNS = 5
MOST = 7
"""Masks that are drawn, the largest."""
LOSS = (200, 30, 40)
FULL = 3.0
"""Cross-entropy that is drawn darkest."""


def draw_losses(look: Look) -> Picture:
    """Draw each mask with its query, an unmatched query, and the cross-entropy of each pixel."""
    width = panel_width(COLUMNS)
    probs = look.probabilities(look.output)
    labels, matches = look.final.masks.labels[0], look.final.matches
    panels = [Panel(enlarge(look.image, width), 'image')]
    for row, query in look.matched()[:MOST]:
        drawn = draw_share(look, probs[query], query, width)
        outline(drawn, annotated_mask(look, row, drawn))
        dice, prob = matches.cls_weight[0, query], matches.mask_weight[0, query]
        panels.append(
            Panel(drawn, f'{look.classes[labels[row]]}', f'Dice {dice:.2f} × class {prob:.2f}')
        )
    query = idle_query(look)
    drawn = draw_share(look, probs[query], query, width)
    void = look.output.cls_logits[0, query].softmax(-1)[-1]
    panels.append(Panel(drawn, 'unmatched', f'class void {void:.2f}'))
    panels.append(draw_cross_entropy(look, width))
    return sheet(panels, COLUMNS)


def draw_share(look: Look, share: NDArray[np.floating], query: int, width: int) -> Picture:
    """Draw a query's probability over the pale image, in its colour, and void hatched."""
    drawn = backdrop(look.image, width)
    opacity = 0.85 * stretch(look.spread(share), drawn)[..., None]
    drawn = np.rint(opacity * look.colors[query] + (1 - opacity) * drawn).astype(np.uint8)
    return drawn


def idle_query(look: Look) -> int:
    """Return the unmatched query with most mass."""
    mass = look.probabilities(look.output).sum((1, 2))
    return int(np.where(look.final.matches.matched[0], -1, mass).argmax())


def cross_entropy(look: Look) -> Tensor:
    """Return the cross-entropy of each pixel ``(L,)``, NaN in void, which has none."""
    softmax, matches = look.final.softmax, look.final.matches
    losses = (softmax.log_normalizer - softmax.own_logit)[0]
    return losses.masked_fill(~matches.has_query[0] | look.final.masks.void[0], torch.nan)


def mean_loss(look: Look) -> float:
    """Return the mean of the cross-entropy as ``MaskIDLoss`` takes it, before its weight."""
    losses = cross_entropy(look)
    return float(losses[losses > 0].mean())


def draw_cross_entropy(look: Look, width: int) -> Panel:
    """Draw the cross-entropy of each pixel, and void, which has none, hatched."""
    losses = cross_entropy(look)
    loss = stretch(look.spread(look.grid(losses)), enlarge(look.image, width))
    drawn = heat(np.nan_to_num(loss) / FULL, LOSS)
    hatch(drawn, np.isnan(loss))
    frame(drawn)
    return Panel(drawn, 'MaskIDLoss', f'mean {mean_loss(look):.2f}, void left out')

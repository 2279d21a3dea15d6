"""Charts of a report."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from ..html_page import encode_figure
from ..visualization.training_curve import STYLE

CAUSE_COLORS = matplotlib.colormaps['tab10'](range(10))


def draw_errors(errors: dict[str, dict[str, float]]) -> bytes:
    """Draw how many false negatives and false positives have each cause; return a PNG."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 2.3), layout='constrained')
        axes = figure.subplots()
        ends = np.zeros(2)
        for color, (cause, counts) in zip(CAUSE_COLORS, errors.items(), strict=False):
            widths = np.array([counts['fn'], counts['fp']])
            axes.barh([0, 1], widths, left=ends, color=color, label=cause)
            ends += widths
        axes.set_yticks([0, 1], ['false negatives', 'false positives'])
        axes.set(xlabel='segments', ylim=(1.5, -0.5))
        axes.grid(axis='y', visible=False)
        figure.legend(frameon=False, loc='outside upper center', ncols=len(errors))
        return encode_figure(figure)


def draw_confusion(matrix: list[list[int]], names: list[str]) -> bytes:
    """Draw what the pixels of each class are taken for; return a PNG.

    Args:
        matrix: Pixels by annotated class, and by predicted class with void last.
        names: Those of the classes. Classes that are in no row and no column are left out.
    """
    pixels = np.array(matrix, np.float64)
    present = np.flatnonzero(pixels.sum(1) + pixels[:, :-1].sum(0))
    pixels = pixels[present][:, np.append(present, len(names))]
    shares = 100 * pixels / np.maximum(pixels.sum(1, keepdims=True), 1)
    rows = [_shorten(names[place]) for place in present]
    side = 3 + 0.17 * len(rows) if len(rows) > 24 else 3 + 0.26 * len(rows)
    with matplotlib.rc_context({'font.size': 8}):
        figure = Figure(figsize=(side + 1, side), layout='constrained')
        axes = figure.subplots()
        image = axes.imshow(shares, cmap='magma_r', norm=PowerNorm(0.5, 0, 100))
        axes.set_xticks(range(len(rows) + 1), [*rows, 'void'], rotation=90)
        axes.set_yticks(range(len(rows)), rows)
        axes.set(xlabel='predicted', ylabel='annotated')
        figure.colorbar(image, ax=axes, shrink=0.6, label='% of the pixels of the annotated class')
        return encode_figure(figure)


def draw_calibration(bins: list[dict[str, Any]]) -> bytes:
    """Draw the share of true positives over scores, and how many segments have them, as a PNG."""
    middles = [(each['low'] + each['high']) / 2 for each in bins]
    width = 0.9 / len(bins)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.6), layout='constrained')
        left, right = figure.subplots(1, 2)
        used = [each for each in bins if each['segments']]
        scores, hits = ([each[key] for each in used] for key in ('score', 'precision'))
        left.plot([0, 1], [0, 1], color='0.6', linestyle='--', label='calibrated')
        left.plot(scores, hits, marker='o', color='#3565a8', label='this model')
        left.set(xlabel='mean score', ylabel='share of true positives', xlim=(0, 1), ylim=(0, 1))
        left.legend(frameon=False)
        right.bar(middles, [each['segments'] for each in bins], width, color='#3565a8')
        right.set(xlabel='score', ylabel='predicted segments', xlim=(0, 1))
        return encode_figure(figure)


def _shorten(name: str) -> str:
    return name if len(name) < 22 else name[:20] + '…'

"""Charts of what a data set holds."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..html_page import encode_figure
from ..visualization.training_curve import STYLE
from .datasets import DatasetReport

COLORS = ('#3565a8', '#d9822b', '#4f9d69', '#a04f8f')
MASK_STRIDE = 4


def draw_distributions(reports: list[DatasetReport], num_queries: int | None) -> bytes:
    """Draw sizes, segments per image, sizes of segments and void of data sets; return a PNG.

    ``num_queries`` is the most segments the model can learn from in one image.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 7), layout='constrained')
        (top_left, top_right), (bottom_left, bottom_right) = figure.subplots(2, 2)
        _draw_sizes(top_left, reports)
        _draw_segments_per_image(top_right, reports, num_queries)
        _draw_segment_sizes(bottom_left, reports)
        _draw_void(bottom_right, reports)
        handles, names = top_right.get_legend_handles_labels()
        figure.legend(handles, names, frameon=False, loc='outside upper center', ncols=5)
        return encode_figure(figure)


def draw_classes(reports: list[DatasetReport]) -> bytes:
    """Draw the share of images with each class, and of pixels, for data sets of the same classes.

    Returns a PNG.
    """
    metainfo = reports[0].annotations.metainfo
    names, things = metainfo['classes'], len(metainfo['thing_classes'])
    places = np.arange(len(names))
    thickness = 0.8 / len(reports)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 1.3 + 0.24 * len(names)), layout='constrained')
        left, right = figure.subplots(1, 2, sharey=True)
        for index, report in enumerate(reports):
            counts = report.survey.counts
            total = max(1, counts[:, 2].sum())
            shift = places + (index + 0.5) * thickness - 0.4
            style = dict(height=thickness, color=COLORS[index % len(COLORS)], label=report.name)
            left.barh(shift, 100 * counts[:, 0] / max(1, len(report.images)), **style)
            right.barh(shift, 100 * counts[:, 2] / total, **style)
        for axes, title in (
            (left, '% of images with the class'),
            (right, '% of labelled pixels, log scale'),
        ):
            axes.set(title=title, ylim=(len(names) - 0.4, -0.6))
            axes.grid(axis='y', visible=False)
            if 0 < things < len(names):
                axes.axhline(things - 0.5, color='0.3', linewidth=0.8, linestyle='--')
        right.set_xscale('log')
        # A bar as short as the axis would look like none.
        right.set_xlim(left=right.get_xlim()[0] / 3)
        left.set_yticks(places, [name if len(name) < 28 else name[:26] + '…' for name in names])
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, frameon=False, loc='outside upper center', ncols=4)
        return encode_figure(figure)


def _draw_sizes(axes: Axes, reports: list[DatasetReport]) -> None:
    for color, report in zip(COLORS, reports, strict=False):
        sizes = [image.size for image in report.images if image.size is not None]
        if not sizes:
            continue
        points, counts = np.unique(sizes, axis=0, return_counts=True)
        area = 20 + 300 * counts / counts.sum()
        axes.scatter(points[:, 0], points[:, 1], s=area, color=color, alpha=0.5, linewidth=0)
    axes.set(title='Image sizes', xlabel='width in pixels', ylabel='height in pixels')
    axes.margins(0.2)


def _draw_histogram(
    axes: Axes, values: list[np.ndarray], bins: list[float], names: list[str]
) -> None:
    """Draw outlines of the shares of several sets of values, ``name`` and colour for each."""
    for color, name, each in zip(COLORS, names, values, strict=False):
        if len(each):
            weights = np.full(len(each), 100 / len(each))
            axes.hist(each, bins, weights=weights, color=color, alpha=0.25)
            axes.hist(each, bins, weights=weights, color=color, histtype='step', label=name)


def _draw_segments_per_image(
    axes: Axes, reports: list[DatasetReport], num_queries: int | None
) -> None:
    values = [np.array([len(image.pixels) for image in r.images]) for r in reports]
    most = max([1, *(int(each.max()) for each in values if len(each))])
    step = -(-most // 50)
    bins = (np.arange(0, most + 2 * step, step) - 0.5).tolist()
    _draw_histogram(axes, values, bins, [report.name for report in reports])
    if num_queries is not None:
        axes.axvline(num_queries, color='crimson', linestyle='--', label='queries of the model')
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(title='Segments to learn in an image', xlabel='segments', ylabel='% of images')


def _draw_segment_sizes(axes: Axes, reports: list[DatasetReport]) -> None:
    values = [np.sqrt([n for image in r.images for n in image.pixels]) for r in reports]
    values = [each[each > 0] for each in values]
    most = max([2.0, *(float(each.max()) for each in values if len(each))])
    bins = np.geomspace(1, most, 40).tolist()
    _draw_histogram(axes, values, bins, [report.name for report in reports])
    axes.axvline(MASK_STRIDE, color='0.4', linestyle=':')
    axes.text(MASK_STRIDE, 1, ' stride 4', transform=axes.get_xaxis_transform(), va='top')
    title = 'Sizes of segments, before any resize'
    axes.set(title=title, xscale='log', xlabel='√area in pixels', ylabel='% of segments')


def _draw_void(axes: Axes, reports: list[DatasetReport]) -> None:
    values = [
        100 * np.array([image.void for image in r.images if image.void is not None])
        for r in reports
    ]
    _draw_histogram(
        axes, values, np.linspace(0, 100, 41).tolist(), [report.name for report in reports]
    )
    axes.set(title='Void', xlabel='% of the pixels of an image', ylabel='% of images')

"""The ``segments_info`` of an image: written from a map of ids, read into rows of ground truth."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.id_runs import find_runs

from ..void import VOID_ID


def segment_info(
    segment_id: int, area: int, bbox: list[int], category_id: int, iscrowd: int = 0, **more: Any
) -> dict[str, Any]:
    """Return an entry."""
    entry = dict(id=segment_id, category_id=category_id, area=area, bbox=bbox, iscrowd=iscrowd)
    return entry | more


def measure_segments(
    ids: NDArray[np.integer], describe: Callable[[int], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return an entry for each id but void of a map ``(H, W)``, in ascending order.

    ``describe`` gives the ``category_id`` of an id, and whatever else its entry is to have.
    """
    return [
        segment_info(segment_id, **measures, **describe(segment_id))
        for segment_id, measures in find_runs(ids).describe().items()
        if segment_id != VOID_ID
    ]


def prediction_ids(panoptic: NDArray[np.integer], kept: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Return the ids by which predicted values, of pixels or of segments, are written.

    A value ``label + 1000 * instance`` may be 0, void's id, so that all are written as one more.
    """
    return np.where(kept, panoptic + 1, VOID_ID)


def parse_segments(
    segments: Iterable[Mapping[str, Any]], labels: Mapping[Any, int], num_things: int
) -> dict[str, list[int]]:
    """Turn the entries of one image into rows of ground truth.

    Crowd segments and those of no known category have no row. Segments of one stuff class share a
    row.

    Args:
        segments: The entries.
        labels: Label of each category id.
        num_things: Number of thing classes, which have the smallest labels.

    Returns:
        ``segment_ids`` in the given order; for each of them ``segment_rows``, counted from 1, void
        for none; ``segment_labels``, the label of each row.
    """
    ids: list[int] = []
    rows: list[int] = []
    row_labels: list[int] = []
    stuff_rows: dict[int, int] = {}
    for segment in segments:
        label = labels.get(segment.get('category_id'), -1)
        row = stuff_rows.get(label, len(row_labels) + 1)
        if label < 0 or segment.get('iscrowd', 0):
            row = VOID_ID
        if row > len(row_labels):
            row_labels.append(label)
            if label >= num_things:
                stuff_rows[label] = row
        ids.append(segment['id'])
        rows.append(row)
    return {'segment_ids': ids, 'segment_rows': rows, 'segment_labels': row_labels}


def measures_of(segments: Iterable[Mapping[str, Any]]) -> dict[str, list]:
    """Return ``segment_areas`` and ``segment_boxes`` of the entries, None where one has none."""
    return {
        'segment_areas': [segment.get('area') for segment in segments],
        'segment_boxes': [segment.get('bbox') for segment in segments],
    }

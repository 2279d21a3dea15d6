"""What of a prediction is sure enough to learn from."""

from typing import Any

import numpy as np
from mmengine.structures import PixelData
from numpy.typing import NDArray

from ..panoptic.segments import measure_segments, prediction_ids
from ..void import INSTANCE_OFFSET, VOID_ID, is_void
from .thresholds import Selection


def select_segments(
    prediction: PixelData, num_classes: int, selection: Selection
) -> tuple[NDArray[np.integer], list[dict[str, Any]]]:
    """Turn a panoptic prediction into ids ``(H, W)`` and the kept segments, in COCO's form.

    The prediction is on the CPU: ``sem_seg``, which holds ``label + instance * 1000`` and, for
    void, ``num_classes``; ``instance_scores`` and ``semantic_scores``; each ``(1, H, W)``. The
    category of a label is ``label + 1``. Where too little is labelled, there are no segments.
    """
    panoptic = prediction.sem_seg[0].numpy()
    values, place = np.unique(panoptic, return_inverse=True)
    place = place.reshape(panoptic.shape)
    areas = np.bincount(place.ravel())
    confidence, probability = (
        np.bincount(place.ravel(), weights=scores[0].double().numpy().ravel()) / areas
        for scores in (prediction.semantic_scores, prediction.instance_scores)
    )
    scores = confidence * probability
    kept = ~is_void(values, num_classes) & (areas >= selection.min_area)
    kept &= scores >= selection.min_score
    if areas[kept].sum() < selection.min_labelled * panoptic.size or not kept.any():
        return np.full(panoptic.shape, VOID_ID, np.int64), []
    ids = prediction_ids(values, kept)
    row_of_id = {int(ids[row]): row for row in np.flatnonzero(kept)}

    def describe(segment_id: int) -> dict[str, Any]:
        row = row_of_id[segment_id]
        category = int(values[row] % INSTANCE_OFFSET) + 1
        return dict(category_id=category, score=round(float(scores[row]), 4))

    return ids[place], measure_segments(ids[place], describe)

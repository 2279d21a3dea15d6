"""What the inference API writes of a panoptic prediction: ids and what they stand for."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmengine.structures import PixelData
from torch import Tensor

from ..void import is_void


def distinct_ids(panoptic: Tensor) -> Tensor:
    """Return predicted panoptic values as a copy in which none is 0, which stands for void.

    Stuff of class 0 becomes its first instance, so that the label is still the id modulo 1000.
    """
    ids = panoptic.clone()
    ids[ids == 0] = INSTANCE_OFFSET
    return ids


def describe_segments(pixels: PixelData, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Describe the segments of a prediction with :func:`distinct_ids`, in the order of their ids.

    The score is the mean probability of the pixels times that of the class, as that of an instance;
    predictions of other models have none.
    """
    panoptic = pixels.sem_seg[0].cpu().numpy()
    values, segment, areas = np.unique(panoptic, return_inverse=True, return_counts=True)
    segment = segment.ravel()
    scores = np.ones(len(values))
    parts = [pixels.get(name) for name in ('instance_scores', 'semantic_scores')]
    for part in parts:
        if part is not None:
            weights = part[0].double().cpu().numpy().ravel()
            scores *= np.bincount(segment, weights, minlength=len(values)) / areas
    described = []
    for value, area, score in zip(values.tolist(), areas.tolist(), scores.tolist(), strict=True):
        label = value % INSTANCE_OFFSET
        if is_void(value, len(classes)):
            continue
        info = dict(id=value, label=label, area=area)
        if label < len(classes):
            info['name'] = str(classes[label])
        if None not in parts:
            info['score'] = score
        described.append(info)
    return described

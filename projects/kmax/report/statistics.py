"""What is counted in an image, and added up over images."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.id_runs import Overlaps, find_runs

from ..evaluation.matching import Matches, Pairing, average_quality, pair_segments
from .boundary import BoundaryIoU
from .calibration import Calibration
from .errors import Cause, explain_errors


class Size(StrEnum):
    """Sizes of segments by their area in pixels of the image, COCO's for objects."""

    SMALL = 'small'
    MEDIUM = 'medium'
    LARGE = 'large'

    @classmethod
    def of(cls, area: float) -> 'Size':
        """Return the size of a segment of an area in pixels."""
        if area < 32**2:
            return cls.SMALL
        return cls.MEDIUM if area < 96**2 else cls.LARGE


Outcomes = dict[int, Matches]
"""Outcome of each category."""


@dataclass
class Statistics:
    """Counts of one image, or of many.

    Attributes:
        quality: For PQ, as the metric counts.
        boundary: For Boundary PQ.
        sizes: For PQ of the segments of each size. Matches and misses have the size of the
            annotated segment, false positives their own.
        errors: Number of false negatives (True) and false positives (False) by category and cause.
        confused: Number of annotated segments by their category and that which they are taken for.
        pixels: Pixels by annotated category and predicted one, None for void.
        calibration: Scores of predicted segments, None where the model gives none.
    """

    quality: Outcomes = field(default_factory=dict)
    boundary: Outcomes = field(default_factory=dict)
    sizes: dict[Size, Outcomes] = field(default_factory=dict)
    errors: Counter[tuple[int, Cause, bool]] = field(default_factory=Counter)
    confused: Counter[tuple[int, int]] = field(default_factory=Counter)
    pixels: Counter[tuple[int, int | None]] = field(default_factory=Counter)
    calibration: Calibration | None = None

    def add(self, other: 'Statistics') -> None:
        """Add those of another image."""
        _add_outcomes(self.quality, other.quality)
        _add_outcomes(self.boundary, other.boundary)
        for size, outcomes in other.sizes.items():
            _add_outcomes(self.sizes.setdefault(size, {}), outcomes)
        self.errors.update(other.errors)
        self.confused.update(other.confused)
        self.pixels.update(other.pixels)
        if other.calibration is not None:
            self.calibration = self.calibration or Calibration()
            self.calibration.add(other.calibration)

    @property
    def pq(self) -> float:
        """Mean PQ of the categories that occur."""
        return average_quality(self.quality, self.quality)['pq']


def sum_statistics(images: Iterable[Statistics]) -> Statistics:
    """Add up those of several images."""
    total = Statistics()
    for image in images:
        total.add(image)
    return total


def examine_image(
    gt_ids: NDArray[np.integer],
    pred: NDArray[np.int32],
    overlaps: Overlaps,
    pairing: Pairing,
    scores: Mapping[int, float] | None,
) -> Statistics:
    """Count all that a report tells of an image.

    Args:
        gt_ids: Annotated ids ``(H, W)``.
        pred: Predicted ids ``(H, W)``.
        overlaps: Pixels of each pair of them.
        pairing: Which of them match.
        scores: Score of each predicted segment, if the model gives them.
    """
    refine = BoundaryIoU(gt_ids, pred).refine
    segments, categories = pairing.gt_segments.values(), pairing.pred_categories
    errors = explain_errors(overlaps, pairing)
    taken = ((e.category, e.other) for e in errors if e.is_missed and e.other is not None)
    return Statistics(
        quality=pairing.count(),
        boundary=pair_segments(overlaps, segments, categories, 'the image', refine).count(),
        sizes=_count_sizes(overlaps, pairing),
        errors=Counter((e.category, e.cause, e.is_missed) for e in errors),
        confused=Counter(taken),
        pixels=_count_pixels(overlaps, pairing),
        calibration=None if scores is None else _judge_scores(scores, pairing),
    )


def score_segments(
    pred: NDArray[np.int32], maps: Sequence[NDArray[np.floating]]
) -> dict[int, float]:
    """Return the score of each predicted id: the product of the means of maps ``(H, W)``."""
    runs = find_runs(pred)
    return dict(zip(runs.ids.tolist(), runs.scores(maps).tolist(), strict=True))


def _add_outcomes(total: Outcomes, others: Outcomes) -> None:
    for category, matches in others.items():
        total.setdefault(category, Matches()).add(matches)


def _count_sizes(overlaps: Overlaps, pairing: Pairing) -> dict[Size, Outcomes]:
    counted: Counter[int] = Counter()
    for (gt_id, _), pixels in overlaps.items():
        counted[gt_id] += pixels
    areas = {
        gt_id: counted[gt_id] if segment.get('area') is None else segment['area']
        for gt_id, segment in pairing.gt_segments.items()
    }
    parts = {}
    for size in Size:
        part = Pairing(
            [match for match in pairing.matches if Size.of(areas[match[0]]) is size],
            [gt_id for gt_id in pairing.missed if Size.of(areas[gt_id]) is size],
            [p for p in pairing.invented if Size.of(pairing.pred_areas[p]) is size],
            pairing.gt_segments,
            pairing.pred_categories,
            pairing.pred_areas,
        )
        parts[size] = part.count()
    return parts


def _count_pixels(overlaps: Overlaps, pairing: Pairing) -> Counter[tuple[int, int | None]]:
    pixels: Counter[tuple[int, int | None]] = Counter()
    for (gt_id, pred_id), common in overlaps.items():
        segment = pairing.gt_segments.get(gt_id)
        if segment is not None and segment.get('iscrowd', 0) != 1:
            pixels[segment['category_id'], pairing.pred_categories.get(pred_id)] += common
    return pixels


def _judge_scores(scores: Mapping[int, float], pairing: Pairing) -> Calibration:
    """Count the scores of true and false positives; what PQ ignores is neither."""
    right = {pred_id for _, pred_id, _ in pairing.matches}
    judged = [(scores[pred_id], True) for pred_id in right]
    return Calibration.of(judged + [(scores[pred_id], False) for pred_id in pairing.invented])

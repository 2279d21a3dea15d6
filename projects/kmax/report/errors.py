"""What each unmatched segment was lost to.

Every false negative and every false positive of panoptic quality has exactly one cause, the first
that holds in the order of :class:`Cause`, so that causes sum to the counts of PQ. In the manner of
TIDE (Bolya et al., ECCV 2020), whose causes are those of boxes.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from kmax_deeplab.id_runs import Overlaps

from ..evaluation.matching import Pairing
from ..void import VOID_ID

FOREGROUND = 0.1
"""Least IoU with which a segment counts as found, if imprecisely; TIDE's."""


class Cause(StrEnum):
    """Why a segment has no match, in the order in which causes are tried.

    A segment lies mainly in another, or is mainly covered by it, with more than half of its pixels;
    void pixels of the annotation do not count for predictions, as in PQ.
    """

    WRONG_CLASS = 'wrong class'
    SPLIT = 'split'
    MERGED = 'merged'
    THRESHOLDED = 'thresholded away'
    IMPRECISE = 'imprecise'
    MISSED = 'missed'
    INVENTED = 'invented'


DEFINITIONS = {
    Cause.WRONG_CLASS: 'a segment of another class covers it with an IoU above 0.5',
    Cause.SPLIT: 'two or more predictions of its class lie mainly in it and together cover more '
    'than half of it; of a prediction: it lies mainly in a segment of its class, and another '
    'prediction of that class does too',
    Cause.MERGED: 'a prediction of its class mainly covers it and another segment of the class',
    Cause.THRESHOLDED: 'nothing is predicted on more than half of it: what the model said there '
    'was below a threshold, or nothing (false negatives only)',
    Cause.IMPRECISE: f'its IoU with a segment of its class is {FOREGROUND} to 0.5',
    Cause.MISSED: 'none of these: other classes are predicted there (false negatives)',
    Cause.INVENTED: 'none of these: there is no such segment (false positives)',
}


@dataclass(frozen=True)
class SegmentError:
    """One false negative or false positive.

    Attributes:
        category: Its category.
        is_missed: Whether it is a false negative, else a false positive.
        cause: What it was lost to, or came of.
        other: Category that it was taken for, or is taken for it, where the class is wrong.
    """

    category: int
    is_missed: bool
    cause: Cause
    other: int | None = None


def explain_errors(overlaps: Overlaps, pairing: Pairing) -> list[SegmentError]:
    """Return each false negative, then each false positive, of an image with its cause.

    Args:
        overlaps: Pixels of each pair of annotated and predicted id.
        pairing: Which of them match.
    """
    scene = _Scene(overlaps, pairing)
    return [
        *(scene.explain_missed(gt_id) for gt_id in pairing.missed),
        *(scene.explain_invented(pred_id) for pred_id in pairing.invented),
    ]


class _Scene:
    """How the segments of an image lie on each other; ids without a segment are void."""

    def __init__(self, overlaps: Overlaps, pairing: Pairing) -> None:
        self.overlaps = overlaps
        self.pairing = pairing
        self.gt_areas: dict[int, int] = defaultdict(int)
        self.void_on: dict[int, int] = defaultdict(int)
        self.on_gt: dict[int, list[int]] = defaultdict(list)
        self.under_pred: dict[int, list[int]] = defaultdict(list)
        for (gt_id, pred_id), pixels in overlaps.items():
            self.gt_areas[gt_id] += pixels
            if pred_id not in pairing.pred_categories:
                self.void_on[gt_id] += pixels
            elif gt_id in self.gt_categories:
                self.on_gt[gt_id].append(pred_id)
                self.under_pred[pred_id].append(gt_id)

    @cached_property
    def gt_categories(self) -> Mapping[int, int]:
        """Category of each annotated segment that is no crowd."""
        return {
            gt_id: segment['category_id']
            for gt_id, segment in self.pairing.gt_segments.items()
            if segment.get('iscrowd', 0) != 1
        }

    @property
    def pred_categories(self) -> Mapping[int, int]:
        return self.pairing.pred_categories

    def explain_missed(self, gt_id: int) -> SegmentError:
        category, area = self.gt_categories[gt_id], self.gt_areas[gt_id]
        taken_for = [self.pred_categories[p] for p in self.on_gt[gt_id] if self.iou(gt_id, p) > 0.5]
        if taken_for and taken_for[0] != category:
            return SegmentError(category, True, Cause.WRONG_CLASS, taken_for[0])
        parts = self.parts_of(gt_id)
        rivals = [p for p in self.on_gt[gt_id] if self.pred_categories[p] == category]
        if len(parts) > 1 and 2 * sum(self.overlaps[gt_id, p] for p in parts) > area:
            cause = Cause.SPLIT
        elif any(self.merges(p) and self.covers(p, gt_id) for p in rivals):
            cause = Cause.MERGED
        elif 2 * self.void_on[gt_id] > area:
            cause = Cause.THRESHOLDED
        elif any(self.iou(gt_id, p) >= FOREGROUND for p in rivals):
            cause = Cause.IMPRECISE
        else:
            cause = Cause.MISSED
        return SegmentError(category, True, cause)

    def explain_invented(self, pred_id: int) -> SegmentError:
        category = self.pred_categories[pred_id]
        below = self.under_pred[pred_id]
        stands_for = [self.gt_categories[g] for g in below if self.iou(g, pred_id) > 0.5]
        if stands_for and stands_for[0] != category:
            return SegmentError(category, False, Cause.WRONG_CLASS, stands_for[0])
        rivals = [g for g in below if self.gt_categories[g] == category]
        if any(len(parts) > 1 and pred_id in parts for parts in map(self.parts_of, rivals)):
            cause = Cause.SPLIT
        elif self.merges(pred_id):
            cause = Cause.MERGED
        elif any(self.iou(g, pred_id) >= FOREGROUND for g in rivals):
            cause = Cause.IMPRECISE
        else:
            cause = Cause.INVENTED
        return SegmentError(category, False, cause)

    def iou(self, gt_id: int, pred_id: int) -> float:
        """IoU of the pixels, without the prediction's on void."""
        common = self.overlaps[gt_id, pred_id]
        return common / (self.gt_areas[gt_id] + self.visible_area(pred_id) - common)

    def visible_area(self, pred_id: int) -> int:
        return self.pairing.pred_areas[pred_id] - self.overlaps.get((VOID_ID, pred_id), 0)

    def covers(self, pred_id: int, gt_id: int) -> bool:
        return 2 * self.overlaps[gt_id, pred_id] > self.gt_areas[gt_id]

    def parts_of(self, gt_id: int) -> list[int]:
        """Predictions of an annotated segment's class that lie mainly in it."""
        return [
            p
            for p in self.on_gt[gt_id]
            if self.pred_categories[p] == self.gt_categories[gt_id]
            and 2 * self.overlaps[gt_id, p] > self.visible_area(p)
        ]

    def merges(self, pred_id: int) -> bool:
        """Tell whether a prediction covers mainly two or more segments of its class."""
        covered = [
            g
            for g in self.under_pred[pred_id]
            if self.gt_categories[g] == self.pred_categories[pred_id] and self.covers(pred_id, g)
        ]
        return len(covered) > 1

"""Matching predicted to annotated segments, and the quality that follows.

Panoptic quality: Kirillov et al., CVPR 2019, arXiv 1801.00868, equation 1.
"""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kmax_deeplab.id_runs import Overlaps

from ..void import VOID_ID


@dataclass
class Matches:
    """Outcome for one category: summed IoU of the matches, true and false counts."""

    iou: float = 0.0
    tp: int = 0
    fp: int = 0
    fn: int = 0

    def add(self, other: 'Matches') -> None:
        """Add those of another image."""
        self.iou += other.iou
        self.tp += other.tp
        self.fp += other.fp
        self.fn += other.fn

    def quality(self) -> dict[str, float]:
        """Return PQ, SQ and RQ, all 0 when the category does not occur."""
        total = self.tp + 0.5 * self.fp + 0.5 * self.fn
        return dict(
            pq=self.iou / total if total else 0.0,
            sq=self.iou / self.tp if self.tp else 0.0,
            rq=self.tp / total if total else 0.0,
        )


@dataclass(frozen=True)
class Pairing:
    """Which segments of one image match.

    Attributes:
        matches: Annotated id, predicted id and IoU of each match.
        missed: Ids of annotated segments without a match, crowd left out: the false negatives.
        invented: Ids of predicted segments without a match that are counted: the false positives.
        gt_segments: Annotated segments by id.
        pred_categories: Category of each predicted id.
        pred_areas: Pixels of each predicted id.
    """

    matches: list[tuple[int, int, float]]
    missed: list[int]
    invented: list[int]
    gt_segments: Mapping[int, Mapping[str, Any]]
    pred_categories: Mapping[int, int]
    pred_areas: Mapping[int, int]

    def gt_category(self, gt_id: int) -> int:
        """Return the category of an annotated segment."""
        return self.gt_segments[gt_id]['category_id']

    def count(self) -> dict[int, Matches]:
        """Return the outcome of each category that has one."""
        outcomes: dict[int, Matches] = defaultdict(Matches)
        for gt_id, _, iou in self.matches:
            outcome = outcomes[self.gt_category(gt_id)]
            outcome.tp += 1
            outcome.iou += iou
        for gt_id in self.missed:
            outcomes[self.gt_category(gt_id)].fn += 1
        for pred_id in self.invented:
            outcomes[self.pred_categories[pred_id]].fp += 1
        return dict(outcomes)


def match_segments(
    overlaps: Overlaps,
    gt_segments: Iterable[Mapping[str, Any]],
    pred_categories: Mapping[int, int],
    image: str,
) -> dict[int, Matches]:
    """Match the segments of one image and count, see :func:`pair_segments`."""
    return pair_segments(overlaps, gt_segments, pred_categories, image).count()


def pair_segments(
    overlaps: Overlaps,
    gt_segments: Iterable[Mapping[str, Any]],
    pred_categories: Mapping[int, int],
    image: str,
    refine: Callable[[int, int, float], float] | None = None,
) -> Pairing:
    """Match the segments of one image by panopticapi's rules.

    A pair matches when its categories agree, the annotated one is no crowd and their IoU, without
    the prediction's void pixels, exceeds 0.5. An unmatched prediction is not counted when more
    than half of it is void or crowd of its category; of several such crowds the last one counts.
    The areas of COCO's ``segments_info`` are trusted, absent ones counted; pixels of predicted ids
    without a category are void. ``refine`` gets annotated id, predicted id and IoU and returns
    what stands for the IoU.
    """
    gt = {segment['id']: segment for segment in gt_segments}
    pred_areas: dict[int, int] = defaultdict(int)
    gt_areas: dict[int, int] = defaultdict(int)
    for (gt_id, pred_id), pixels in overlaps.items():
        gt_areas[gt_id] += pixels
        pred_areas[pred_id] += pixels
    matches = []
    for (gt_id, pred_id), pixels in overlaps.items():
        segment = gt.get(gt_id)
        if segment is None or segment.get('iscrowd', 0) == 1:
            continue
        if pred_categories.get(pred_id) != segment['category_id']:
            continue
        given = segment.get('area')
        area = gt_areas[gt_id] if given is None else given
        union = area + pred_areas[pred_id] - pixels - overlaps.get((VOID_ID, pred_id), 0)
        if union == 0:
            warnings.warn(
                f'segment {gt_id} of {image} has area {area} in the JSON, so its union '
                f'with segment {pred_id} of the prediction is empty; they do not match',
                stacklevel=3,
            )
            continue
        iou = pixels / union
        if refine is not None and iou > 0.5:
            iou = refine(gt_id, pred_id, iou)
        if iou > 0.5:
            matches.append((gt_id, pred_id, iou))
    missed = _find_missed(gt, {gt_id for gt_id, _, _ in matches})
    matched = {pred_id for _, pred_id, _ in matches}
    invented = _find_invented(overlaps, gt, pred_categories, pred_areas, matched)
    return Pairing(matches, missed, invented, gt, pred_categories, pred_areas)


def _find_missed(gt: Mapping[int, Mapping[str, Any]], matched: set[int]) -> list[int]:
    return [
        gt_id
        for gt_id, segment in gt.items()
        if segment.get('iscrowd', 0) != 1 and gt_id not in matched
    ]


def _find_invented(
    overlaps: Overlaps,
    gt: Mapping[int, Mapping[str, Any]],
    pred_categories: Mapping[int, int],
    pred_areas: Mapping[int, int],
    matched: set[int],
) -> list[int]:
    crowds = {s['category_id']: i for i, s in gt.items() if s.get('iscrowd', 0) == 1}
    invented = []
    for pred_id, category in pred_categories.items():
        if pred_id not in matched:
            ignored = overlaps.get((VOID_ID, pred_id), 0)
            if category in crowds:
                ignored += overlaps.get((crowds[category], pred_id), 0)
            if ignored / pred_areas[pred_id] <= 0.5:
                invented.append(pred_id)
    return invented


def sum_matches(images: Iterable[Mapping[int, Matches]]) -> dict[int, Matches]:
    """Add up the outcomes of several images."""
    totals: dict[int, Matches] = defaultdict(Matches)
    for image in images:
        for category, matches in image.items():
            totals[category].add(matches)
    return dict(totals)


def group_categories(categories: Mapping[int, Mapping[str, Any]]) -> dict[str, list[int]]:
    """Return the ids of ``All`` categories, of ``Things`` and of ``Stuff``."""
    return dict(
        All=list(categories),
        Things=[category for category, info in categories.items() if info['isthing'] == 1],
        Stuff=[category for category, info in categories.items() if info['isthing'] != 1],
    )


def average_quality(matches: Mapping[int, Matches], members: Iterable[int]) -> dict[str, float]:
    """Return mean PQ, SQ and RQ of those categories that occur, and their number ``n``.

    The means of none are 0.
    """
    found = [matches[category] for category in members if category in matches]
    averaged = [m.quality() for m in found if m.tp + m.fp + m.fn > 0]
    count = max(len(averaged), 1)
    means = {key: sum(q[key] for q in averaged) / count for key in ('pq', 'sq', 'rq')}
    return means | dict(n=len(averaged))


def summarise(
    matches: Mapping[int, Matches], categories: Mapping[int, Mapping[str, Any]]
) -> dict[str, dict]:
    """Average over the categories that occur, as :func:`pq_compute` returns it.

    Without any category to average the means are 0 and a warning says so; panopticapi divides by
    zero there.
    """
    per_class = {category: matches.get(category, Matches()).quality() for category in categories}
    groups = group_categories(categories)
    results: dict[str, dict] = {}
    for name, members in groups.items():
        results[name] = average_quality(matches, members)
        if not results[name]['n']:
            warnings.warn(
                f'panoptic quality of {name}: none of its {len(members)} categories occurs in '
                'annotation or prediction; 0 is reported',
                stacklevel=2,
            )
    return results | dict(per_class=per_class)

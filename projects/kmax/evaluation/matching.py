"""Matching predicted to annotated segments, and the quality that follows.

Panoptic quality: Kirillov et al., CVPR 2019, arXiv 1801.00868, equation 1.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping
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


def match_segments(
    overlaps: Overlaps,
    gt_segments: Iterable[Mapping[str, Any]],
    pred_categories: Mapping[int, int],
    image: str,
) -> dict[int, Matches]:
    """Match the segments of one image by panopticapi's rules.

    A pair matches when its categories agree, the annotated one is no crowd and their IoU, without
    the prediction's void pixels, exceeds 0.5. An unmatched prediction is not counted when more
    than half of it is void or crowd of its category; of several such crowds the last one counts.
    The areas of COCO's ``segments_info`` are trusted, absent ones counted; pixels of predicted ids
    without a category are void.
    """
    gt = {segment['id']: segment for segment in gt_segments}
    matches: dict[int, Matches] = defaultdict(Matches)
    matched_gt, matched_pred = set(), set()
    pred_areas: dict[int, int] = defaultdict(int)
    gt_areas: dict[int, int] = defaultdict(int)
    for (gt_id, pred_id), pixels in overlaps.items():
        gt_areas[gt_id] += pixels
        pred_areas[pred_id] += pixels
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
                stacklevel=2,
            )
        elif pixels / union > 0.5:
            matches[segment['category_id']].tp += 1
            matches[segment['category_id']].iou += pixels / union
            matched_gt.add(gt_id)
            matched_pred.add(pred_id)
    crowds = _count_missed(gt, matched_gt, matches)
    for pred_id, category in pred_categories.items():
        if pred_id not in matched_pred:
            ignored = overlaps.get((VOID_ID, pred_id), 0)
            if category in crowds:
                ignored += overlaps.get((crowds[category], pred_id), 0)
            matches[category].fp += ignored / pred_areas[pred_id] <= 0.5
    return dict(matches)


def _count_missed(
    gt: Mapping[int, Mapping[str, Any]], matched: set[int], matches: dict[int, Matches]
) -> dict[int, int]:
    """Count false negatives; return the last crowd segment of each category."""
    crowds = {}
    for gt_id, segment in gt.items():
        if segment.get('iscrowd', 0) == 1:
            crowds[segment['category_id']] = gt_id
        elif gt_id not in matched:
            matches[segment['category_id']].fn += 1
    return crowds


def sum_matches(images: Iterable[Mapping[int, Matches]]) -> dict[int, Matches]:
    """Add up the outcomes of several images."""
    totals: dict[int, Matches] = defaultdict(Matches)
    for image in images:
        for category, matches in image.items():
            totals[category].add(matches)
    return dict(totals)


def summarise(
    matches: Mapping[int, Matches], categories: Mapping[int, Mapping[str, Any]]
) -> dict[str, dict]:
    """Average over the categories that occur, as :func:`pq_compute` returns it.

    Without any category to average the means are 0 and a warning says so; panopticapi divides by
    zero there.
    """
    per_class = {category: matches.get(category, Matches()).quality() for category in categories}
    present = {category for category, m in matches.items() if m.tp + m.fp + m.fn > 0}
    groups = dict(
        All=list(categories),
        Things=[category for category, info in categories.items() if info['isthing'] == 1],
        Stuff=[category for category, info in categories.items() if info['isthing'] != 1],
    )
    results: dict[str, dict] = {}
    for name, members in groups.items():
        averaged = [per_class[category] for category in members if category in present]
        if not averaged:
            warnings.warn(
                f'panoptic quality of {name}: none of its {len(members)} categories occurs in '
                'annotation or prediction; 0 is reported',
                stacklevel=2,
            )
        count = max(len(averaged), 1)
        means = {key: sum(q[key] for q in averaged) / count for key in ('pq', 'sq', 'rq')}
        results[name] = means | dict(n=len(averaged))
    return results | dict(per_class=per_class)

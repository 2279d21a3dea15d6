"""Which images are drawn, and what colour their errors have."""

import numpy as np
import pytest

from projects.kmax.evaluation.matching import Matches
from projects.kmax.report.pictures import (
    NUM_PICTURES,
    Extremes,
    ImageRecord,
    Verdict,
    choose_extremes,
    judge_pixels,
)
from projects.kmax.report.statistics import Size, Statistics


def record(img_id, pq):
    return ImageRecord(img_id, None, Statistics(quality={1: Matches(iou=pq, tp=1)}))


@pytest.mark.parametrize('count', [1, 5, 40])
def test_only_the_best_and_the_worst_are_kept(count):
    rng = np.random.default_rng(0)
    # Many are equally good.
    records = {i: record(i, q) for i, q in enumerate(rng.choice([0.2, 0.6, 0.9], count).tolist())}
    extremes = Extremes()
    for each in rng.permutation(list(records.values())):
        extremes.offer(each, np.full((2, 3), each.img_id, np.int32))
    kept = [each for each in records.values() if each.prediction]
    assert len(kept) == min(count, 2 * NUM_PICTURES)
    assert all((each.prediction.restore() == each.img_id).all() for each in kept)
    ranked = sorted(records.values(), key=lambda each: each.rank)
    worst, best = choose_extremes(records)
    assert worst == ranked[: len(worst)] and best == ranked[::-1][: len(best)]
    assert len(worst) == min(NUM_PICTURES, count // 2)
    assert len(worst) + len(best) == len(kept)


def test_images_without_segments_are_not_drawn():
    empty = ImageRecord(1, None, Statistics())
    Extremes().offer(empty, np.zeros((2, 2), np.int32))
    assert empty.prediction is None


def test_verdict_on_each_pixel(pair):
    gt = np.array([[0, 1, 1, 1, 1, 2, 3, 4]])
    pred = np.array([[5, 5, 5, 5, 6, 6, 5, 0]])
    _, pairing = pair(gt, pred, {1: 7, 2: 8, 3: 7, 4: 8}, {5: 7, 6: 7}, crowd=(3,))
    assert [Verdict(v).name for v in judge_pixels(gt, pred, pairing)[0]] == [
        *('IGNORED', 'RIGHT', 'RIGHT', 'RIGHT'),
        *('OTHER_SEGMENT', 'WRONG_CLASS', 'IGNORED', 'NOTHING'),
    ]


def test_sizes_are_those_of_coco():
    areas = (1, 1023, 1024, 9215, 9216)
    assert [Size.of(area).value for area in areas] == ['small'] * 2 + ['medium'] * 2 + ['large']

"""Each unmatched segment has one cause, and causes sum to the counts of PQ."""

from collections import Counter

import numpy as np
import pytest

from kmax_deeplab.id_runs import count_overlaps
from projects.kmax.evaluation.matching import Matches, pair_segments
from projects.kmax.report.errors import DEFINITIONS, Cause, explain_errors

CAT, DOG = 7, 8
# Runs of ids: pixels of an annotated and of a predicted row, of their categories, and what is found
# as (category, is missed, cause, other category).
CASES = {
    'wrong class': (
        ({1: 10}, {5: 10}, {1: CAT}, {5: DOG}),
        [(CAT, True, 'wrong class', DOG), (DOG, False, 'wrong class', CAT)],
    ),
    'wrong class before split': (
        ({1: 20}, {5: 12, 6: 4, 7: 4}, {1: CAT}, {5: DOG, 6: CAT, 7: CAT}),
        [
            (CAT, True, 'wrong class', DOG),
            (DOG, False, 'wrong class', CAT),
            *[(CAT, False, 'split', None)] * 2,
        ],
    ),
    'split': (
        ({1: 10}, {5: 5, 6: 5}, {1: CAT}, {5: CAT, 6: CAT}),
        [(CAT, True, 'split', None), *[(CAT, False, 'split', None)] * 2],
    ),
    'a second prediction in a matched segment': (
        ({1: 16}, {5: 12, 6: 4}, {1: CAT}, {5: CAT, 6: CAT}),
        [(CAT, False, 'split', None)],
    ),
    'two parts that cover less than half': (
        ({1: 20}, {5: 4, 6: 4, 0: 12}, {1: CAT}, {5: CAT, 6: CAT}),
        [(CAT, True, 'thresholded away', None), *[(CAT, False, 'split', None)] * 2],
    ),
    'merged': (
        ({1: 5, 2: 5}, {5: 10}, {1: CAT, 2: CAT}, {5: CAT}),
        [*[(CAT, True, 'merged', None)] * 2, (CAT, False, 'merged', None)],
    ),
    'merged with a matched segment': (
        ({1: 7, 2: 3}, {5: 10}, {1: CAT, 2: CAT}, {5: CAT}),
        [(CAT, True, 'merged', None)],
    ),
    'merged with another class is none': (
        ({1: 7, 2: 3}, {5: 10}, {1: CAT, 2: DOG}, {5: CAT}),
        [(DOG, True, 'missed', None)],
    ),
    'thresholded away': (({1: 10}, {0: 10}, {1: CAT}, {}), [(CAT, True, 'thresholded away', None)]),
    'thresholded away before imprecise': (
        ({1: 10}, {0: 6, 5: 4}, {1: CAT}, {5: CAT}),
        [(CAT, True, 'thresholded away', None), (CAT, False, 'imprecise', None)],
    ),
    'imprecise': (
        ({1: 10}, {5: 5, 6: 5}, {1: CAT}, {5: CAT, 6: DOG}),
        [
            (CAT, True, 'imprecise', None),
            (CAT, False, 'imprecise', None),
            (DOG, False, 'invented', None),
        ],
    ),
    'less than a tenth is not found': (
        ({1: 20, 2: 20}, {5: 1, 6: 39}, {1: CAT, 2: DOG}, {5: CAT, 6: DOG}),
        [(CAT, True, 'missed', None), (CAT, False, 'invented', None)],
    ),
    'crowd and void excuse predictions': (
        ({1: 10, 0: 10}, {5: 10, 6: 10}, {1: CAT}, {5: CAT, 6: DOG}, (1,)),
        [],
    ),
    'void does not count for a prediction': (
        ({0: 8, 1: 10}, {5: 13, 6: 5}, {1: CAT}, {5: CAT, 6: CAT}),
        [(CAT, True, 'split', None), *[(CAT, False, 'split', None)]],
    ),
}


def row(runs):
    return np.array([np.repeat(list(runs), list(runs.values()))])


@pytest.mark.parametrize('name', CASES)
def test_cause(name, pair):
    (gt, pred, *categories), expected = CASES[name]
    found = explain_errors(*pair(row(gt), row(pred), *categories))
    told = [(e.category, e.is_missed, str(e.cause), e.other) for e in found]
    assert Counter(told) == Counter(expected)


def test_every_cause_occurs_above_and_is_defined():
    assert {cause for _, found in CASES.values() for _, _, cause, _ in found} == {*Cause}
    assert {*DEFINITIONS} == {*Cause}


@pytest.mark.parametrize('seed', range(6))
def test_causes_sum_to_the_counts_of_pq(seed, random_set):
    made = random_set(seed)
    for sample, annotation in zip(made.samples, made.annotations, strict=True):
        pred = sample['pred_panoptic_seg']['sem_seg'][0].numpy()
        values = [value for value in np.unique(pred).tolist() if value % 1000 < len(made.classes)]
        categories = {value: made.category_of_label[value % 1000] for value in values}
        overlaps = count_overlaps(made.gt_ids[sample['img_id']], pred)
        pairing = pair_segments(overlaps, annotation['segments_info'], categories, 'an image')
        found = explain_errors(overlaps, pairing)
        counted = Counter((e.category, e.is_missed) for e in found)
        for category in made.category_of_label:
            matches = pairing.count().get(category, Matches())
            assert (counted[category, True], counted[category, False]) == (matches.fn, matches.fp)

"""The figures of a report, worked by hand."""

import pytest

from projects.kmax.evaluation.matching import Matches
from projects.kmax.report.content import make_content
from projects.kmax.report.errors import Cause
from projects.kmax.report.pictures import ImageRecord
from projects.kmax.report.statistics import Statistics

CATEGORIES = {3: dict(name='cat', isthing=1), 1: dict(name='sky', isthing=0)}


def test_gain_of_mending_a_cause():
    """Two cats, one found with IoU 0.8, and a sky that is one of two predictions of it."""
    statistics = Statistics(
        quality={3: Matches(iou=0.8, tp=1, fn=1), 1: Matches(iou=0.6, tp=1, fp=1)},
        errors={(3, Cause.MISSED, True): 1, (1, Cause.SPLIT, False): 1},
    )
    errors = make_content({}, '', CATEGORIES, [ImageRecord(1, None, statistics)])['errors']
    # A second match of IoU 0.8: from 0.8 / 1.5 to 1.6 / 2, of two classes.
    assert errors['missed'] == dict(fn=1, fp=0, gain=pytest.approx(100 * (0.8 - 0.8 / 1.5) / 2))
    assert errors['split'] == dict(fn=0, fp=1, gain=pytest.approx(100 * (0.6 - 0.6 / 1.5) / 2))
    assert errors['merged'] == dict(fn=0, fp=0, gain=0)


def test_a_class_without_matches_is_mended_with_the_mean_iou():
    statistics = Statistics(
        quality={3: Matches(fn=1), 1: Matches(iou=0.6, tp=1)}, errors={(3, Cause.MISSED, True): 1}
    )
    errors = make_content({}, '', CATEGORIES, [ImageRecord(1, None, statistics)])['errors']
    assert errors['missed']['gain'] == pytest.approx(100 * 0.6 / 2)


def test_confused_classes_are_shares_of_the_annotated():
    statistics = Statistics(
        pixels={(3, 3): 60, (3, 1): 30, (3, None): 10, (1, 3): 40, (1, 1): 10},
        confused={(3, 1): 2},
    )
    content = make_content({}, '', CATEGORIES, [ImageRecord(1, None, statistics)])
    assert content['confusion'] == [[60, 30, 10], [40, 10, 0]]
    assert content['confused'] == [
        dict(truth='sky', predicted='cat', pixels=40, share=0.8, segments=0),
        dict(truth='cat', predicted='sky', pixels=30, share=0.3, segments=2),
    ]

import pytest
from metric_fixtures import evaluate, in_a_group, random_set  # noqa: F401

from kmax_deeplab.id_runs import count_overlaps
from projects.kmax.evaluation.matching import pair_segments


@pytest.fixture
def pair():
    """Return a function from maps and the category of each id to overlaps and pairing.

    Categories of annotated ids are whole numbers; those of ``crowd`` are crowd.
    """

    def make(gt, pred, gt_categories, pred_categories, crowd=()):
        segments = [
            dict(id=i, category_id=c, iscrowd=int(i in crowd), area=None)
            for i, c in gt_categories.items()
        ]
        overlaps = count_overlaps(gt, pred)
        return overlaps, pair_segments(overlaps, segments, pred_categories, 'an image')

    return make
